"""Rebuild the test scans in every way and measure them."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.measure.reconstruction import measure_reconstruction

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        measure_reconstruction(
            snakemake.input.scans,
            snakemake.input.dataset,
            snakemake.input.embeddings,
            Path(snakemake.input.models[0]).parent,
            partial_config(snakemake.params.config),
            snakemake.params.files,
            measured=snakemake.output.measured,
            examples=snakemake.output.examples,
            parts_dir=snakemake.params.parts,
            code=snakemake.params.code,
        )
