"""One mean per voxel, one deviation per channel."""

from __future__ import annotations

import torch

from ldae.models.latent_normalizer import LatentNormalizer


def test_normalises_by_the_stored_statistics_and_back():
    normalizer = LatentNormalizer((2, 3, 4, 5))
    z_mu = torch.randn(6, 2, 3, 4, 5)
    assert torch.equal(normalizer.normalize(z_mu), z_mu)
    mean, std = torch.randn(2, 3, 4, 5), torch.tensor([0.5, 4.0]).view(2, 1, 1, 1)
    normalizer.load_state_dict({"mean": mean, "std": std})
    z_0 = normalizer.normalize(z_mu)
    torch.testing.assert_close(z_0[5, 0, 2, 3, 4], (z_mu[5, 0, 2, 3, 4] - mean[0, 2, 3, 4]) / 0.5)
    torch.testing.assert_close(z_0[1, 1, 0, 1, 2], (z_mu[1, 1, 0, 1, 2] - mean[1, 0, 1, 2]) / 4)
    torch.testing.assert_close(normalizer.denormalize(z_0), z_mu)
