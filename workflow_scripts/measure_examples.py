"""Edit, vary, interpolate and rebuild a few test scans for the figures."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.measure.examples import measure_examples

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        config = partial_config(snakemake.params.config)
        measure_examples(
            snakemake.input.scans,
            snakemake.input.dataset,
            snakemake.input.reconstructions,
            Path(snakemake.input.models[0]).parent,
            snakemake.output[0],
            strengths=config.evaluation.counterfactual.log_odds,
            steps=config.evaluation.reconstruction.steps,
            seed=config.seed,
        )
