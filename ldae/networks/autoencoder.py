"""The first stage's networks."""

from __future__ import annotations

from monai.networks.nets import PatchDiscriminator

from ldae.config.models import AutoencoderConfig
from ldae.models.autoencoder import Autoencoder


def build_autoencoder(config: AutoencoderConfig) -> Autoencoder:
    """The autoencoder of the configured size."""
    return Autoencoder(
        channels=config.channels,
        latent_channels=config.latent_channels,
        residual_blocks=config.residual_blocks,
        norm_groups=config.norm_groups,
        initial_log_variance=config.initial_log_variance,
    )


def build_discriminator(config: AutoencoderConfig) -> PatchDiscriminator:
    """PatchGAN discriminator on (B, 1, D, H, W); gives the features of every layer, the last of them the logits."""
    return PatchDiscriminator(
        spatial_dims=3,
        in_channels=1,
        channels=config.discriminator_channels,
        num_layers_d=config.discriminator_layers,
    )
