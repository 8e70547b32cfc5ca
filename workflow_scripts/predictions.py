"""Fit the probes of y_sem, and write them and what they say of every scan."""

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.tables.predictions import write_predictions

if __name__ == "__main__":
    with _rule.job(snakemake):
        write_predictions(
            snakemake.input.dataset,
            snakemake.input.embeddings,
            snakemake.input.representation,
            partial_config(snakemake.params.config).evaluation.probes,
            **dict(snakemake.output.items()),
        )
