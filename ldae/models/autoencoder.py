"""The autoencoder and its discriminator, as MONAI has them."""

from __future__ import annotations

from monai.networks.nets import AutoencoderKL, PatchDiscriminator
from torch import nn

from ldae.config.models import AutoencoderConfig


def build_autoencoder(config: AutoencoderConfig) -> AutoencoderKL:
    """AutoencoderKL without attention (Rombach et al. 2022; LDAE, section 3.1).

    ``encode`` maps (B, 1, D, H, W) to z_mu and z_sigma of (B, C, D/f, H/f, W/f), f = 2 ** (levels - 1). A low
    `initial_log_variance` of the posterior spares the first steps the noise of an untrained z_sigma.
    """
    levels = len(config.channels)
    net = AutoencoderKL(
        spatial_dims=3,
        in_channels=1,
        out_channels=1,
        channels=config.channels,
        latent_channels=config.latent_channels,
        num_res_blocks=(config.residual_blocks,) * levels,
        norm_num_groups=config.norm_groups,
        attention_levels=(False,) * levels,
        with_encoder_nonlocal_attn=False,
        with_decoder_nonlocal_attn=False,
    )
    nn.init.constant_(net.quant_conv_log_sigma.conv.bias, config.initial_log_variance)
    return net


def build_discriminator(config: AutoencoderConfig) -> PatchDiscriminator:
    """PatchGAN discriminator on (B, 1, D, H, W); returns the features of every layer, the last are the logits."""
    return PatchDiscriminator(
        spatial_dims=3,
        in_channels=1,
        channels=config.discriminator_channels,
        num_layers_d=config.discriminator_layers,
    )
