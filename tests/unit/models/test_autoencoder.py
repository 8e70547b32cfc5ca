"""The autoencoder has the published latent shape, its discriminator gives logits."""

from __future__ import annotations

import torch

from ldae.models.autoencoder import build_autoencoder, build_discriminator


def test_latents_are_three_channels_at_a_quarter_of_the_grid(config):
    net = build_autoencoder(config.autoencoder)
    z_mu, z_sigma = net.encode(torch.rand(2, 1, 32, 40, 32))
    assert z_mu.shape == z_sigma.shape == (2, 3, 8, 10, 8) and (z_sigma > 0).all()
    assert net.decode(z_mu).shape == (2, 1, 32, 40, 32)


def test_the_discriminators_last_output_is_the_logits(config):
    features = build_discriminator(config.autoencoder)(torch.rand(2, 1, 32, 40, 32))
    assert features[-1].shape[:2] == (2, 1)
