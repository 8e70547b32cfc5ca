"""Describe the trained model, so that its folder can be loaded on its own."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

from ldae.config.partial import partial_config
from ldae.evaluation.describe import describe_model

if __name__ == "__main__":
    with _rule.job(snakemake):
        describe_model(
            snakemake.input.dataset,
            Path(snakemake.input.models[0]).parent,
            partial_config(snakemake.params.config),
            snakemake.output[0],
            phantom=snakemake.params.phantom,
        )
