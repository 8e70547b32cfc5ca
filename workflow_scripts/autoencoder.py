"""Train the autoencoder."""

import _rule  # first: puts this checkout on the path

import torch

from ldae.config import Autoencoder
from ldae.training.autoencoder import train_autoencoder

if __name__ == "__main__":
    with _rule.rule_log(snakemake.log[0]):
        torch.set_num_threads(snakemake.threads)
        train_autoencoder(
            snakemake.input.dataset,
            Autoencoder(**snakemake.params.config["autoencoder"]),
            seed=snakemake.params.config["seed"],
            output=snakemake.output.weights,
            history=snakemake.output.history,
            checkpoint_dir=snakemake.params.checkpoints,
            code=snakemake.params.code,
        )
