"""The unconditional denoiser: MONAI's diffusion U-Net, cut open between its down and up paths."""

from __future__ import annotations

from typing import NamedTuple

import torch
from monai.networks.nets import DiffusionModelUNet
from monai.networks.nets.diffusion_model_unet import get_timestep_embedding

from ldae.config import LDM


class Features(NamedTuple):
    """What the down path hands on: its output, the skips from first to last, and the time embedding."""

    hidden: torch.Tensor
    skips: tuple[torch.Tensor, ...]
    time: torch.Tensor


class Denoiser(DiffusionModelUNet):
    """Predicts eps from z_t (B, C, D, H, W) and timesteps (B,); ``decode(encode(z_t, t))`` equals ``forward``.

    The down path is shared with the gradient estimator (Zhang et al. 2022, PDAE, section 3.3).
    """

    def encode(self, z_t: torch.Tensor, timesteps: torch.Tensor) -> Features:
        """Time embedding, first convolution and down path."""
        time = self.time_embed(get_timestep_embedding(timesteps, self.block_out_channels[0]).to(z_t.dtype))
        hidden = self.conv_in(z_t)
        skips = [hidden]
        for block in self.down_blocks:
            hidden, more = block(hidden_states=hidden, temb=time)
            skips.extend(more)
        return Features(hidden, tuple(skips), time)

    def decode(self, features: Features) -> torch.Tensor:
        """Middle block, up path and output layer: eps of the shape of z_t."""
        hidden, skips, time = features
        hidden = self.middle_block(hidden_states=hidden, temb=time)
        for block in self.up_blocks:
            used = len(block.resnets)
            hidden = block(hidden_states=hidden, res_hidden_states_list=list(skips[-used:]), temb=time)
            skips = skips[:-used]
        return self.out(hidden)

    def forward(self, z_t: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """eps of the shape of `z_t`."""
        return self.decode(self.encode(z_t, timesteps))


def build_denoiser(config: LDM, latent_channels: int) -> Denoiser:
    """The U-Net of the configured size over latents of `latent_channels` channels."""
    return Denoiser(
        spatial_dims=3,
        in_channels=latent_channels,
        out_channels=latent_channels,
        num_res_blocks=config.residual_blocks,
        channels=config.channels,
        attention_levels=config.attention_levels,
        num_head_channels=config.head_channels,
        norm_num_groups=config.norm_groups,
        resblock_updown=True,
        use_flash_attention=True,
    )
