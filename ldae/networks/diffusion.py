"""The noise schedule and the denoisers."""

from __future__ import annotations

from ldae.config.models import DiffusionConfig, UNetConfig
from ldae.diffusion.schedule import Schedule
from ldae.models.denoiser import Denoiser


def build_schedule(config: DiffusionConfig) -> Schedule:
    """The configured noise schedule."""
    return Schedule(config.timesteps, config.beta_start, config.beta_end)


def build_denoiser(config: UNetConfig, diffusion: DiffusionConfig, data_channels: int) -> Denoiser:
    """The U-Net of the configured size over latents, or images, of `data_channels` channels."""
    return Denoiser(
        build_schedule(diffusion),
        prediction=config.prediction,
        data_channels=data_channels,
        channels=config.channels,
        residual_blocks=config.residual_blocks,
        attention_levels=config.attention_levels,
        head_channels=config.head_channels,
        norm_groups=config.norm_groups,
    )
