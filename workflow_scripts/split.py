"""Split the subjects."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.scans import split_cohort
from ldae.config.cohort import SplitConfig

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        split_cohort(
            snakemake.input.conversion,
            snakemake.input.qc,
            SplitConfig(**snakemake.params.config["split"]),
            snakemake.output.split,
            seed=snakemake.params.seed,
        )
