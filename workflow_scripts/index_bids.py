"""Index a BIDS dataset."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.bids.index import write_index
from ldae.config.cohort import ColumnsConfig

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        params = snakemake.params
        write_index(
            snakemake.input.bids_dir,
            params.source,
            ColumnsConfig(**params.columns),
            params.diagnoses,
            set_aside=list(snakemake.input.set_aside),
            conversion=snakemake.output.conversion,
            quarantine=snakemake.output.quarantine,
            findings=params.findings,
        )
