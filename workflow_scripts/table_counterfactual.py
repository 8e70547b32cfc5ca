"""Tabulate what editing a scan changes in it."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.tables.counterfactual import write_counterfactuals

if __name__ == "__main__":
    with _rule.job(snakemake):
        config = partial_config(snakemake.params.config)
        write_counterfactuals(
            snakemake.input.measured,
            snakemake.input.dataset,
            config.evaluation.bootstrap,
            config.seed,
            snakemake.output[0],
            snakemake.input.get("truth"),
            cohort=snakemake.params.cohort,
        )
