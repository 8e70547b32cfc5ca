"""Train the autoencoder."""

import _rule  # first: puts this checkout on the path

from _training import trained_section, training_job

from ldae.config.models import AutoencoderConfig
from ldae.training.autoencoder import train_autoencoder

if __name__ == "__main__":
    with _rule.job(snakemake):
        train_autoencoder(
            snakemake.input.scans,
            trained_section(snakemake, AutoencoderConfig, "autoencoder"),
            training_job(snakemake),
        )
