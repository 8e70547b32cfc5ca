"""The networks, their trainings, and the sampler."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ldae.config.base import Count, Fraction, Positive, Section, Shape


class TrainingConfig(Section):
    """One training: `steps` are optimizer steps, `batch_size` the scans of one forward pass on one device."""

    steps: Count
    batch_size: Count
    accumulate: Count
    validate_every_steps: Count
    patience: Count
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    gradient_clip: Annotated[float, Field(ge=0)]
    ema_decay: Annotated[float, Field(ge=0, lt=1)]
    warmup_steps: Annotated[int, Field(ge=0)]
    cooldown_fraction: Fraction

    @model_validator(mode="after")
    def _ends_with_a_validation(self) -> TrainingConfig:
        if self.steps % self.validate_every_steps:
            raise ValueError(
                f"steps {self.steps} must be a multiple of validate_every_steps {self.validate_every_steps}"
            )
        return self


class AutoencoderConfig(Section):
    """MONAI's AutoencoderKL, its discriminator and its losses."""

    channels: list[Count]
    latent_channels: Count
    residual_blocks: Count
    norm_groups: Count
    initial_log_variance: float
    kl_weight: Annotated[float, Field(ge=0)]
    perceptual_weight: Annotated[float, Field(ge=0)]
    perceptual_slice_fraction: Fraction
    perceptual_weights: str | None
    adversarial_weight: Annotated[float, Field(ge=0)]
    adversarial_start_step: Annotated[int, Field(ge=0)]
    discriminator_channels: Count
    discriminator_layers: Count
    learning_rate: Positive
    discriminator_learning_rate: Positive
    training: TrainingConfig

    @model_validator(mode="after")
    def _two_optimizers_share_no_scaler(self) -> AutoencoderConfig:
        if self.training.precision == "16-mixed":
            raise ValueError("training.precision 16-mixed cannot train two networks in turn; use bf16-mixed")
        return self


class LatentsConfig(Section):
    """How latents are centred before diffusion; they are always scaled by one standard deviation a channel."""

    center: Literal["voxel", "channel"]


class DiffusionConfig(Section):
    """The linear noise schedule."""

    timesteps: Count
    beta_start: Positive
    beta_end: Positive


class UNetConfig(Section):
    """A denoiser's size (MONAI's DiffusionModelUNet) and what it puts out."""

    prediction: Literal["epsilon", "v"]
    channels: list[Count]
    residual_blocks: Count
    attention_levels: list[bool]
    head_channels: Count
    norm_groups: Count

    @model_validator(mode="after")
    def _levels_agree(self) -> UNetConfig:
        if len(self.channels) != len(self.attention_levels):
            raise ValueError("channels and attention_levels must have the same length")
        return self


class LDMConfig(UNetConfig):
    """The unconditional denoiser of the latents."""

    learning_rate: Positive
    training: TrainingConfig


class EncoderConfig(Section):
    """The semantic encoder."""

    semantic_dim: Count
    backbone: str
    backbone_weights: str | None
    attention_heads: Count
    center_input: bool


class RepresentationConfig(Section):
    """The semantic encoder's training together with the gradient estimator."""

    snr_exponent: float
    learning_rate: Positive
    training: TrainingConfig


class DAEConfig(UNetConfig):
    """The diffusion autoencoder on the image grid; its semantic encoder is that of `encoder`."""

    grid_shape: Shape
    center_images: bool
    loss: Literal["epsilon", "v"]
    learning_rate: Positive
    training: TrainingConfig

    @model_validator(mode="after")
    def _grid_fits_the_net(self) -> DAEConfig:
        downsampling = 2 ** (len(self.channels) - 1)
        if any(size % downsampling for size in self.grid_shape):
            raise ValueError(
                f"grid_shape {self.grid_shape} must be divisible by {downsampling}, the U-Net's downsampling"
            )
        return self


class SupervisedConfig(Section):
    """The semantic encoder trained with labels."""

    learning_rate: Positive
    training: TrainingConfig


class SamplingConfig(Section):
    """The default sampler of encoding and decoding."""

    solver: Literal["2m", "ddim"]
    steps: Count
