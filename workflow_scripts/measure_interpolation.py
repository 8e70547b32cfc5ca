"""Predict test scans from two others of the same subject and measure the predictions."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.measure.interpolation import measure_interpolation

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        measure_interpolation(
            snakemake.input.dataset,
            Path(snakemake.input.models[0]).parent,
            partial_config(snakemake.params.config),
            snakemake.output[0],
            parts_dir=snakemake.params.parts,
            code=snakemake.params.code,
        )
