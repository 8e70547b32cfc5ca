"""Train the semantic encoder and the gradient estimator."""

import _rule  # first: puts this checkout on the path

from _training import trained_section, training_job

from ldae.config.models import DiffusionConfig, EncoderConfig, LDMConfig, RepresentationConfig
from ldae.training.representation import train_representation

if __name__ == "__main__":
    with _rule.job(snakemake):
        train_representation(
            snakemake.input.scans,
            snakemake.input.latents,
            snakemake.input.statistics,
            snakemake.input.ldm,
            trained_section(snakemake, RepresentationConfig, "representation"),
            EncoderConfig(**snakemake.params.config["encoder"]),
            LDMConfig(**snakemake.params.config["ldm"]),
            DiffusionConfig(**snakemake.params.config["diffusion"]),
            training_job(snakemake),
        )
