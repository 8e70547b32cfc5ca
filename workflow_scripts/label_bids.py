"""Read what a BIDS dataset's tables say."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.bids.labels import write_labels
from ldae.config.cohort import ColumnsConfig

if __name__ == "__main__":
    with _rule.job(snakemake, private=True):
        params = snakemake.params
        write_labels(
            list(snakemake.input.shards),
            snakemake.input.bids_dir,
            ColumnsConfig(**params.columns),
            params.diagnoses,
            prefer=list(params.prefer),
            set_aside=list(snakemake.input.set_aside),
            conversion=snakemake.output.conversion,
            quarantine=snakemake.output.quarantine,
            findings=params.findings,
        )
