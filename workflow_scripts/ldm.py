"""Train the latent diffusion model."""

import _rule  # first: puts this checkout on the path

from _training import trained_section, training_job

from ldae.config.models import DiffusionConfig, LDMConfig
from ldae.training.ldm import train_ldm

if __name__ == "__main__":
    with _rule.job(snakemake):
        train_ldm(
            snakemake.input.scans,
            snakemake.input.latents,
            snakemake.input.statistics,
            trained_section(snakemake, LDMConfig, "ldm"),
            DiffusionConfig(**snakemake.params.config["diffusion"]),
            training_job(snakemake),
        )
