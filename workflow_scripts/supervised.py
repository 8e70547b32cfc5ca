"""Train a supervised encoder."""

import _rule  # first: puts this checkout on the path

from _training import trained_section, training_job

from ldae.config.models import EncoderConfig, SupervisedConfig
from ldae.training.supervised import train_supervised

if __name__ == "__main__":
    with _rule.job(snakemake):
        train_supervised(
            snakemake.input.scans,
            snakemake.input.dataset,
            snakemake.wildcards.task,
            trained_section(snakemake, SupervisedConfig, "supervised"),
            EncoderConfig(**snakemake.params.config["encoder"]),
            training_job(snakemake),
        )
