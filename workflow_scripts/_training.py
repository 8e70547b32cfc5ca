"""What the three training rules share."""

from __future__ import annotations

import torch

from ldae.training.state import Job


def training_job(snakemake: object) -> Job:
    """Seed, outputs, checkpoints and code hash of a training rule, which may use its threads from here on."""
    torch.set_num_threads(snakemake.threads)
    params, output = snakemake.params, snakemake.output
    return Job(params.config["seed"], output.weights, output.history, params.checkpoints, params.code)
