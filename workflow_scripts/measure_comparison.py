"""Rebuild the validation and test scans with every system."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.measure.comparison import measure_comparison

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        measure_comparison(
            snakemake.input.scans,
            Path(snakemake.input.models[0]).parent,
            partial_config(snakemake.params.config),
            snakemake.params.files,
            snakemake.output[0],
            parts_dir=snakemake.params.parts,
            code=snakemake.params.code,
        )
