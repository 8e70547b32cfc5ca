"""Fit and score the linear probes of every encoder on every task."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.tables.downstream import write_downstream

if __name__ == "__main__":
    with _rule.job(snakemake):
        config = partial_config(snakemake.params.config)
        write_downstream(
            snakemake.input.dataset,
            dict(zip(snakemake.params.encoders, snakemake.input.embeddings, strict=True)),
            config.evaluation.probes,
            config.evaluation.bootstrap,
            config.seed,
            progression_months=config.evaluation.progression_months,
            trained=snakemake.input.trained,
            cohort=snakemake.params.cohort,
            **dict(snakemake.output.items()),
        )
