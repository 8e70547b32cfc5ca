"""Train the voxel DAE."""

import _rule  # first: puts this checkout on the path

from _training import trained_section, training_job

from ldae.config.models import DAEConfig, DiffusionConfig, EncoderConfig
from ldae.training.dae import train_dae

if __name__ == "__main__":
    with _rule.job(snakemake):
        train_dae(
            snakemake.input.scans,
            trained_section(snakemake, DAEConfig, "dae"),
            EncoderConfig(**snakemake.params.config["encoder"]),
            DiffusionConfig(**snakemake.params.config["diffusion"]),
            training_job(snakemake),
        )
