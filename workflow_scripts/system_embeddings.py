"""Encode every scan with the voxel DAE or a supervised encoder."""

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.partial import partial_config
from ldae.evaluation.features.system_codes import embed_with_system

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        embed_with_system(
            snakemake.input.scans, snakemake.input.model, partial_config(snakemake.params.config), snakemake.output[0]
        )
