"""Split the subjects."""

import _rule  # first: puts this checkout on the path

from ldae.cohort.strata import refuse_empty_sides, split_cohort
from ldae.config.cohort import SplitConfig

if __name__ == "__main__":
    with _rule.job(snakemake):
        sides = split_cohort(
            snakemake.input.strata,
            snakemake.input.qc,
            SplitConfig(**snakemake.params.config["split"]),
            snakemake.output.split,
            seed=snakemake.params.seed,
        )
        refuse_empty_sides(sides, snakemake.output.split)
