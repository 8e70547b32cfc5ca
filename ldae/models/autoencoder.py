"""The autoencoder, as MONAI has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monai.networks.nets import AutoencoderKL
from torch import nn


class Autoencoder(AutoencoderKL):
    """AutoencoderKL in 3D without attention (Rombach et al. 2022; LDAE, section 3.1).

    ``encode`` maps scans (B, 1, D, H, W) in 0..1 to z_mu and z_sigma, the mean and standard deviation of the posterior,
    both (B, latent_channels, D/f, H/f, W/f) with f = 2 ** (len(channels) - 1); ``decode`` maps a latent back;
    ``sampling`` draws from the posterior.

    Parameters
    ----------
    channels : sequence of int
        Channels at each level, from the full grid to the latent's.
    latent_channels : int
    residual_blocks : int
        At each level.
    norm_groups : int
        Groups of each GroupNorm.
    initial_log_variance : float
        Of the posterior before training; a low one spares the first steps the noise of an untrained z_sigma.

    Raises
    ------
    ValueError
        A number of channels is not divisible by `norm_groups`.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        latent_channels: int,
        residual_blocks: int,
        norm_groups: int,
        initial_log_variance: float = 0.0,
    ) -> None:
        levels = len(channels)
        super().__init__(
            spatial_dims=3,
            in_channels=1,
            out_channels=1,
            channels=channels,
            latent_channels=latent_channels,
            num_res_blocks=(residual_blocks,) * levels,
            norm_num_groups=norm_groups,
            attention_levels=(False,) * levels,
            with_encoder_nonlocal_attn=False,
            with_decoder_nonlocal_attn=False,
        )
        log_sigma: Any = self.quant_conv_log_sigma
        nn.init.constant_(log_sigma.conv.bias, initial_log_variance)
