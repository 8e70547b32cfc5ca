"""Look up by what the subjects of a BIDS dataset are stratified."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.bids.labels import write_strata
from ldae.config.cohort import ColumnsConfig

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        write_strata(
            list(snakemake.input.shards),
            snakemake.input.bids_dir,
            ColumnsConfig(**snakemake.params.columns),
            snakemake.params.diagnoses,
            snakemake.output.strata,
        )
