"""Encode every scan with the autoencoder."""

import _rule  # first: puts this checkout on the path

import torch

from ldae.config.models import AutoencoderConfig, LatentsConfig
from ldae.training.latents import encode_latents

if __name__ == "__main__":
    with _rule.job(snakemake):
        torch.set_num_threads(snakemake.threads)
        encode_latents(
            snakemake.input.scans,
            snakemake.input.autoencoder,
            AutoencoderConfig(**snakemake.params.config["autoencoder"]),
            LatentsConfig(**snakemake.params.config["latents"]),
            manifest=snakemake.output.manifest,
            statistics=snakemake.output.statistics,
        )
