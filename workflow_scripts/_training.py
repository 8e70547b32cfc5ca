"""What the training rules share."""

from __future__ import annotations

from typing import Any

import torch

from ldae.training.state import TrainingJob


def training_job(snakemake: Any) -> TrainingJob:
    """A training rule's job, which may use its threads from here on."""
    torch.set_num_threads(snakemake.threads)
    params, output = snakemake.params, snakemake.output
    return TrainingJob(
        seed=params.config["seed"],
        output=output.weights,
        history=output.history,
        checkpoint_dir=params.checkpoints,
        code=params.code,
        tensorboard_dir=params.tensorboard,
        pretrained=params.pretrained,
    )
