"""The unconditional denoiser: MONAI's diffusion U-Net, cut open between its down and up paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from monai.networks.nets import DiffusionModelUNet
from monai.networks.nets.diffusion_model_unet import get_timestep_embedding

from ldae.diffusion.schedule import Schedule


class Features(NamedTuple):
    """What the down path gives the up path.

    Attributes
    ----------
    hidden : Tensor (B, C', D', H', W')
        Output of the down path.
    skips : tuple of Tensor
        From first to last.
    time : Tensor (B, E)
        Time embedding.
    base, scale : Tensor, broadcastable to z_t
        How the U-Net's output becomes eps: ``base + scale * output``.
    """

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

    Parameters
    ----------
    schedule : Schedule
        Gives abar_t; timesteps lie in 0..len(schedule) - 1.
    prediction : {"epsilon", "v"}
    data_channels : int
        Channels of z_t.
    channels : sequence of int
        Channels at each level; the grid is halved between levels.
    residual_blocks : int
        At each level.
    attention_levels : sequence of bool
        Which levels have self-attention.
    head_channels : int
        Channels of one attention head.
    norm_groups : int
        Groups of each GroupNorm.

    Raises
    ------
    ValueError
        A number of channels is not divisible by `norm_groups`, or `attention_levels` and `channels` differ in length.
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        prediction: Literal["epsilon", "v"],
        data_channels: int,
        channels: Sequence[int],
        residual_blocks: int,
        attention_levels: Sequence[bool],
        head_channels: int,
        norm_groups: int,
    ) -> None:
        super().__init__(
            spatial_dims=3,
            in_channels=data_channels,
            out_channels=data_channels,
            num_res_blocks=residual_blocks,
            channels=channels,
            attention_levels=attention_levels,
            num_head_channels=head_channels,
            norm_num_groups=norm_groups,
            resblock_updown=True,
            use_flash_attention=True,
        )
        self.prediction = prediction
        self.schedule = schedule

    def encode(self, z_t: torch.Tensor, timesteps: torch.Tensor) -> Features:
        """z_t (B, C, D, H, W) and timesteps (B,) through time embedding, first convolution and down path."""
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
        block: Any
        for block in self.up_blocks:
            used = len(block.resnets)
            hidden = block(hidden_states=hidden, res_hidden_states_list=list(skips[-used:]), temb=time)
            skips = skips[:-used]
        return base + scale * self.out(hidden)

    def forward(self, z_t: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:  # type: ignore[override]  # no context
        """Give eps of the shape of `z_t`; equals ``decode(encode(z_t, timesteps))``."""
        return self.decode(self.encode(z_t, timesteps))
