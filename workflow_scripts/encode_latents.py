"""Encode every scan with an autoencoder that was trained on another cohort."""

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.models import AutoencoderConfig
from ldae.training.latents import write_latents

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        write_latents(
            snakemake.input.scans,
            snakemake.input.autoencoder,
            AutoencoderConfig(**snakemake.params.config["autoencoder"]),
            snakemake.output.manifest,
        )
