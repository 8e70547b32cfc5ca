"""Write what tells whether a new scan is like those that the model was trained on."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.measure.familiarity import write_reference

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        write_reference(
            snakemake.input.scans,
            snakemake.input.embeddings,
            Path(snakemake.input.models[0]).parent,
            partial_config(snakemake.params.config),
            snakemake.output.weights,
        )
