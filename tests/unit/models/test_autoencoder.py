"""The autoencoder has the published latent shape and starts with the asked spread."""

from __future__ import annotations

import pytest
import torch

from ldae.models.autoencoder import Autoencoder

SIZES = {"channels": [4, 4, 8], "latent_channels": 3, "residual_blocks": 1, "norm_groups": 2}


@pytest.mark.parametrize(
    "channels, latent_channels, expected", [([4, 4, 8], 3, (3, 4, 5, 2)), ([4, 8], 2, (2, 8, 10, 4))]
)
def test_latents_are_smaller_by_two_at_each_level(channels, latent_channels, expected):
    net = Autoencoder(**{**SIZES, "channels": channels, "latent_channels": latent_channels})
    z_mu, z_sigma = net.encode(torch.rand(2, 1, 16, 20, 8))
    assert z_mu.shape == z_sigma.shape == (2, *expected)
    assert (z_sigma > 0).all()
    assert net.decode(z_mu).shape == (2, 1, 16, 20, 8)


@pytest.mark.parametrize("log_variance", [0.0, -6.0])
def test_the_posterior_starts_with_the_given_variance(log_variance):
    torch.manual_seed(0)
    net = Autoencoder(**SIZES, initial_log_variance=log_variance)
    _, z_sigma = net.encode(torch.rand(2, 1, 8, 8, 8))
    assert 2 * z_sigma.log().mean().item() == pytest.approx(log_variance, abs=1)


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="multiple"):
        Autoencoder(**{**SIZES, "norm_groups": 3})
