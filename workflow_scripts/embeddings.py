"""Encode y_sem of every scan."""

from pathlib import Path

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.features.y_sem import embed_with_ldae

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        embed_with_ldae(
            snakemake.input.scans,
            Path(snakemake.input.models[0]).parent,
            partial_config(snakemake.params.config),
            snakemake.output[0],
        )
