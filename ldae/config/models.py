"""The networks, their trainings, and the sampler."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from ldae.config.base import Count, Counts, NonNegative, Positive, Section, Shape, Share, Text
from ldae.config.published import FILES, PUBLISHED
from ldae.config.training import TrainingConfig

NOISE_OR_VELOCITY = "epsilon, the noise, or v, the velocity"


Precision = Literal["32-true", "bf16-mixed"]  # of networks that only predict, by Lightning's names


class AutoencoderConfig(Section):
    """MONAI's AutoencoderKL, its discriminator and its losses."""

    channels: Counts = Field(description="channels at each level, each divisible by norm_groups; every level halves")
    latent_channels: Count = Field(description="channels of the latent")
    residual_blocks: Count = Field(description="residual blocks at each level")
    norm_groups: Count = Field(description="groups of the group normalisation")
    initial_log_variance: Annotated[
        float, Field(ge=-30, le=20, description="log variance of the posterior before training; published: 0")
    ]
    init_from: Text | None = Field(
        description="folder of a trained model, or a file of weights, ours or MONAI-generative's, that the autoencoder "
        "starts from; null: random weights"
    )
    kl_weight: NonNegative = Field(description="weight of the KL divergence in the loss")
    perceptual_weight: NonNegative = Field(
        description="weight of the perceptual loss, where perceptual_weights names its backbone's"
    )
    perceptual_slice_fraction: Annotated[
        float, Field(gt=0, le=1, description="share of the slices of each axis that the perceptual loss sees")
    ]
    perceptual_weights: Text | None = Field(
        description="published: torchvision's SqueezeNet file in weights_dir; or a file; null: this loss is left out"
    )
    adversarial_weight: NonNegative = Field(description="weight of the adversarial loss")
    adversarial_start_step: Annotated[
        int, Field(ge=0, description="optimizer step from which on the discriminator is trained and heard")
    ]
    discriminator_channels: Count = Field(description="channels of the discriminator's first layer")
    discriminator_layers: Count = Field(description="layers of the discriminator that halve")
    learning_rate: Positive = Field(description="Adam's learning rate of the autoencoder")
    discriminator_learning_rate: Positive = Field(description="Adam's learning rate of the discriminator")
    training: TrainingConfig

    @field_validator("norm_groups")
    @classmethod
    def _groups_divide_the_channels(cls, groups: int, info: ValidationInfo) -> int:
        return expect_groups_divide(groups, info.data.get("channels", []))

    @field_validator("training")
    @classmethod
    def _two_optimizers_share_no_scaler(cls, training: TrainingConfig) -> TrainingConfig:
        if training.precision == "16-mixed":
            raise ValueError("precision 16-mixed cannot train two networks in turn; use bf16-mixed")
        return training


class LatentsConfig(Section):
    """How latents are centred before diffusion; they are always scaled by one standard deviation per channel."""

    center: Literal["voxel", "channel"] = Field(
        description="what is subtracted: voxel, the training-mean latent; channel, one mean per channel"
    )


class DiffusionConfig(Section):
    """The linear noise schedule."""

    timesteps: Annotated[int, Field(ge=2, description="levels of noise")]
    beta_start: Share = Field(description="variance added at the first timestep")
    beta_end: Share = Field(description="variance added at the last timestep, above beta_start")

    @field_validator("beta_end")
    @classmethod
    def _betas_rise(cls, end: float, info: ValidationInfo) -> float:
        if end <= info.data.get("beta_start", 0):
            raise ValueError(f"must be above beta_start, {info.data['beta_start']}")
        return end


class UNetConfig(Section):
    """A denoiser's size (MONAI's DiffusionModelUNet) and what it puts out."""

    prediction: Literal["epsilon", "v"] = Field(description=f"what the U-Net puts out: {NOISE_OR_VELOCITY}")
    channels: Counts = Field(description="channels at each level, each divisible by norm_groups; every level halves")
    residual_blocks: Count = Field(description="residual blocks at each level")
    attention_levels: Annotated[list[bool], Field(min_length=1)] = Field(description="levels with attention")
    head_channels: Count = Field(description="channels per attention head; they divide the channels of such a level")
    norm_groups: Count = Field(description="groups of the group normalisation")

    @field_validator("attention_levels")
    @classmethod
    def _levels_agree(cls, levels: list[bool], info: ValidationInfo) -> list[bool]:
        if len(levels) != len(info.data.get("channels", levels)):
            raise ValueError(f"channels and attention_levels must have the same length, {len(info.data['channels'])}")
        return levels

    @field_validator("head_channels")
    @classmethod
    def _heads_divide_the_channels(cls, head: int, info: ValidationInfo) -> int:
        channels, levels = info.data.get("channels"), info.data.get("attention_levels")
        if channels and levels:
            attending = [*levels[:-1], True]  # MONAI's middle block always attends, on the last level's channels
            wrong = [n for n, attends in zip(channels, attending, strict=True) if attends and n % head]
            if wrong:
                raise ValueError(f"must divide the channels of the levels with attention and of the last, {wrong}")
        return head

    @field_validator("norm_groups")
    @classmethod
    def _groups_divide_the_channels(cls, groups: int, info: ValidationInfo) -> int:
        return expect_groups_divide(groups, info.data.get("channels", []))


class LDMConfig(UNetConfig):
    """The unconditional denoiser of the latents."""

    init_from: Text | None = Field(
        description="folder of a trained model, or its ldm.safetensors, that the denoiser starts from; null: random "
        "weights. Its latents must be those of the same autoencoder to be of use"
    )
    learning_rate: Positive = Field(description="Adam's learning rate")
    training: TrainingConfig


class EncoderConfig(Section):
    """The semantic encoder of LDAE, of the voxel DAE and of the supervised encoders."""

    semantic_dim: Count = Field(description="features of y_sem, divisible by attention_heads")
    backbone: Literal["convnext_pico", "convnext_tiny", "convnext_small", "convnext_base", "convnext_large"] = Field(
        description="network that every axial slice goes through: convnext_pico, the demo's small one, or torchvision's"
    )
    backbone_weights: Text | None = Field(
        description="published: torchvision's file of the backbone's ImageNet weights in weights_dir; or a file; "
        "null: trained from scratch"
    )
    attention_heads: Count = Field(description="heads of the attention over the slices")
    center_input: bool = Field(description="whether the training-mean image is subtracted before encoding")

    @field_validator("backbone_weights")
    @classmethod
    def _published_are_torchvisions(cls, weights: str | None, info: ValidationInfo) -> str | None:
        backbone = info.data.get("backbone", "")
        if weights == PUBLISHED and backbone not in {"", *FILES}:
            raise ValueError(f"nobody published weights of {backbone}; name a file, or null")
        return weights

    @field_validator("attention_heads")
    @classmethod
    def _heads_divide_the_features(cls, heads: int, info: ValidationInfo) -> int:
        if info.data.get("semantic_dim", 0) % heads:
            raise ValueError(f"must divide semantic_dim, {info.data['semantic_dim']}")
        return heads


class RepresentationConfig(Section):
    """The training of the semantic encoder together with the gradient estimator."""

    init_from: Text | None = Field(
        description="folder of a trained model, or its representation.safetensors, that the semantic encoder and the "
        "gradient estimator start from; null: random weights, and encoder.backbone_weights"
    )
    snr_exponent: float = Field(description="weight of the loss, SNR^exponent / (1 + SNR); published: 0.1")
    learning_rate: Positive = Field(description="Adam's learning rate")
    training: TrainingConfig


class DAEConfig(UNetConfig):
    """The diffusion autoencoder on voxels."""

    grid_shape: Shape = Field(
        description="voxels over the field of view of preprocessing.grid_shape; divisible by the U-Net's downsampling"
    )
    center_images: bool = Field(
        description="true: the training-mean image is subtracted, what is left scaled to unit variance; "
        "false: intensities from -1 to 1"
    )
    loss: Literal["epsilon", "v"] = Field(description=f"whose squared error is minimised: {NOISE_OR_VELOCITY}")
    learning_rate: Positive = Field(description="Adam's learning rate")
    training: TrainingConfig

    @field_validator("grid_shape")
    @classmethod
    def _grid_fits_the_net(cls, shape: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        factor = 2 ** (len(info.data.get("channels", [1])) - 1)
        if any(size % factor for size in shape):
            raise ValueError(f"must be divisible by {factor}, the U-Net's downsampling")
        if all(size == factor for size in shape):
            raise ValueError(f"must be larger than {factor}, the U-Net's downsampling: it would end at a single voxel")
        return shape


class SupervisedConfig(Section):
    """The semantic encoder with a linear head, trained with labels."""

    learning_rate_ad_cn: Positive = Field(description="Adam's learning rate of the encoder trained for AD vs CN")
    learning_rate_age: Positive = Field(description="Adam's learning rate of the encoder trained for age")
    training: TrainingConfig


class SamplingConfig(Section):
    """The default sampler of encoding and decoding."""

    solver: Literal["2m", "ddim"] = Field(description="2m, DPM-Solver++ of second order, or ddim, of first order")
    steps: Count = Field(description="sampler steps, fewer than diffusion.timesteps")
    precision: Precision = Field(
        description="of the networks that predict the noise; the sampler itself computes in float32. bf16-mixed is "
        "almost twice as fast where the processor has bfloat16, and a CPU without it computes in float32"
    )


def expect_groups_divide(groups: int, channels: list[int]) -> int:
    """`groups` where they divide the channels of every level.

    Raises
    ------
    ValueError
        They do not.
    """
    wrong = [n for n in channels if n % groups]
    if wrong:
        raise ValueError(f"must divide the channels of every level; {wrong} are not divisible by {groups}")
    return groups
