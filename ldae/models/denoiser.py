"""The unconditional denoiser: MONAI's diffusion U-Net, cut open between its down and up paths."""

from __future__ import annotations

from typing import NamedTuple

import torch
from monai.networks.nets import DiffusionModelUNet
from monai.networks.nets.diffusion_model_unet import get_timestep_embedding

from ldae.config.models import DiffusionConfig, UNetConfig
from ldae.diffusion.schedule import Schedule


class Features(NamedTuple):
    """What the down path hands on: its output, the skips from first to last, the time embedding, and how the U-Net's
    output becomes eps: ``base + scale * output``."""

    hidden: torch.Tensor
    skips: tuple[torch.Tensor, ...]
    time: torch.Tensor
    base: torch.Tensor
    scale: torch.Tensor


class Denoiser(DiffusionModelUNet):
    """Predicts eps from z_t (B, C, D, H, W) and timesteps (B,), which may be fractional.

    With ``prediction="epsilon"`` the U-Net's output is eps (DDPM). With ``"v"`` it is
    v = sqrt(abar_t) eps - sqrt(1 - abar_t) z_0 (Salimans and Ho 2022), returned as
    eps = sqrt(1 - abar_t) z_t + sqrt(abar_t) v: an untrained net is then already right where noise prevails.
    The down path is shared with the gradient estimator (Zhang et al. 2022, PDAE, section 3.3).
    """

    def __init__(self, prediction: str, schedule: Schedule, **unet) -> None:
        super().__init__(**unet)
        self.prediction = prediction
        self.schedule = schedule

    def encode(self, z_t: torch.Tensor, timesteps: torch.Tensor) -> Features:
        """Time embedding, first convolution and down path."""
        time = self.time_embed(get_timestep_embedding(timesteps, self.block_out_channels[0]).to(z_t.dtype))
        hidden = self.conv_in(z_t)
        skips = [hidden]
        for block in self.down_blocks:
            hidden, more = block(hidden_states=hidden, temb=time)
            skips.extend(more)
        if self.prediction == "epsilon":
            return Features(hidden, tuple(skips), time, z_t.new_zeros(()), z_t.new_ones(()))
        signal, noise = self.schedule.signal_and_noise(timesteps)
        return Features(hidden, tuple(skips), time, noise * z_t, signal)

    def decode(self, features: Features) -> torch.Tensor:
        """Middle block, up path and output layer: eps of the shape of z_t."""
        hidden, skips, time, base, scale = features
        hidden = self.middle_block(hidden_states=hidden, temb=time)
        for block in self.up_blocks:
            used = len(block.resnets)
            hidden = block(hidden_states=hidden, res_hidden_states_list=list(skips[-used:]), temb=time)
            skips = skips[:-used]
        return base + scale * self.out(hidden)

    def forward(self, z_t: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """eps of the shape of `z_t`; equals ``decode(encode(z_t, timesteps))``."""
        return self.decode(self.encode(z_t, timesteps))


def build_denoiser(config: UNetConfig, diffusion: DiffusionConfig, channels: int) -> Denoiser:
    """The U-Net of the configured size over latents, or images, of `channels` channels."""
    return Denoiser(
        config.prediction,
        Schedule(diffusion),
        spatial_dims=3,
        in_channels=channels,
        out_channels=channels,
        num_res_blocks=config.residual_blocks,
        channels=config.channels,
        attention_levels=config.attention_levels,
        num_head_channels=config.head_channels,
        norm_num_groups=config.norm_groups,
        resblock_updown=True,
        use_flash_attention=True,
    )
