"""The training of one network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from ldae.config.base import Count, Fraction, NonNegative, Section


class TrainingConfig(Section):
    """One training of a network."""

    steps: Count = Field(description="optimizer steps, a multiple of validate_every_steps")
    batch_size: Count = Field(description="scans per forward pass, which is made on one device")
    accumulate: Count = Field(description="forward passes per optimizer step, those of all devices together")
    # How a training is computed is no part of what it is: left out of what sidecars tell and rules compare, whence a
    # section may be read without these three.
    devices: Count = Field(
        1,
        exclude=True,
        description="GPUs that share the forward passes of each optimizer step, and divide accumulate; without a GPU, "
        "processes. Results are the same to rounding, so a change trains nothing anew",
    )
    compile: bool = Field(
        False,
        exclude=True,
        description="whether the networks are compiled (torch.compile), which takes minutes and then saves time on a "
        "GPU; what cannot be compiled runs as it is, with a message",
    )
    save_every_minutes: NonNegative = Field(
        20,
        exclude=True,
        description="minutes after which the state is saved within a validation interval, where a killed training goes "
        "on; 0: after each step",
    )
    validate_every_steps: Count = Field(description="optimizer steps from one validation to the next")
    patience: Count = Field(description="validations without improvement after which the training ends")
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field(
        description="Lightning's name of the arithmetic; a CPU without bfloat16 takes 32-true instead of bf16-mixed"
    )
    gradient_clip: NonNegative = Field(description="largest norm of the gradient; 0: not clipped")
    ema_decay: Annotated[
        float, Field(ge=0, lt=1, description="decay per step of the weights' moving average; 0: no average")
    ]
    warmup_steps: Annotated[
        int, Field(ge=0, description="optimizer steps, fewer than steps, in which the learning rate rises")
    ]
    cooldown_fraction: Fraction = Field(
        description="last share of the steps, in which the learning rate falls to zero; 0: it stays"
    )
    # How a training is computed is no part of what it is: left out of what sidecars tell and rules compare, whence a
    # section may be read without it.
    activation_checkpointing: bool = Field(
        False,
        exclude=True,
        description="whether the backward pass computes the networks' blocks anew instead of keeping what happened in "
        "them: about a third more time, far less memory, the same result",
    )

    @property
    def passes(self) -> int:
        """Forward passes per optimizer step on each device."""
        return self.accumulate // self.devices

    @field_validator("devices")
    @classmethod
    def _devices_share_the_passes(cls, devices: int, info: ValidationInfo) -> int:
        passes = info.data.get("accumulate", devices)
        if passes % devices:
            cure = "a smaller batch_size and as many times more accumulate keep the scans per optimizer step"
            raise ValueError(f"must divide accumulate, {passes}, so that each device makes as many passes; {cure}")
        return devices

    @field_validator("validate_every_steps")
    @classmethod
    def _training_ends_with_a_validation(cls, interval: int, info: ValidationInfo) -> int:
        steps = info.data.get("steps", interval)
        if steps % interval:
            raise ValueError(f"steps {steps} must be a multiple of validate_every_steps {interval}")
        return interval

    @field_validator("warmup_steps")
    @classmethod
    def _warmup_ends(cls, warmup: int, info: ValidationInfo) -> int:
        if warmup >= info.data.get("steps", warmup + 1):
            raise ValueError(f"must be fewer than steps, {info.data['steps']}")
        return warmup
