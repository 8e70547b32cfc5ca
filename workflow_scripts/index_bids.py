"""Index a BIDS dataset."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.bids.index import write_index
from ldae.config.cohort import ColumnsConfig

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):  # noqa: F821
        params = snakemake.params  # noqa: F821
        write_index(
            snakemake.input.bids_dir,  # noqa: F821
            params.source,
            ColumnsConfig(**params.columns),
            params.diagnoses,
            set_aside=list(snakemake.input.set_aside),  # noqa: F821
            shard_tables=list(snakemake.output.shards),  # noqa: F821
            report=snakemake.output.report,  # noqa: F821
            quarantine=snakemake.output.quarantine,  # noqa: F821
            findings=params.findings,
        )
