"""What the training rules share."""

from __future__ import annotations

from typing import Any, TypeVar

import torch

from ldae.config.models import AutoencoderConfig, DAEConfig, LDMConfig, RepresentationConfig, SupervisedConfig
from ldae.training.state import TrainingJob

Trained = TypeVar("Trained", AutoencoderConfig, DAEConfig, LDMConfig, RepresentationConfig, SupervisedConfig)


def trained_section(snakemake: Any, model: type[Trained], name: str) -> Trained:
    """The section of what a rule trains, with how it is computed, which stands beside what Snakemake compares."""
    params, section = snakemake.params, model(**snakemake.params.config[name])
    computed = {
        "devices": params.devices,
        "compile": params.compiled,
        "save_every_minutes": params.save_every_minutes,
        "activation_checkpointing": params.activation_checkpointing,
    }
    return section.model_copy(update={"training": section.training.model_copy(update=computed)})


def training_job(snakemake: Any) -> TrainingJob:
    """A training rule's job, which may use its threads from here on; processes on the CPU share them."""
    torch.set_num_threads(max(1, snakemake.threads // snakemake.params.devices))
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
