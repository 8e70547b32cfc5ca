"""Sample scans from noise and measure them."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.measure.generation import measure_generation

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        measure_generation(
            snakemake.input.scans,
            Path(snakemake.input.models[0]).parent,
            partial_config(snakemake.params.config),
            snakemake.params.files["medicalnet"],
            measured=snakemake.output.measured,
            examples=snakemake.output.examples,
        )
