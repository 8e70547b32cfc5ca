"""The affine map between the autoencoder's latents and those the diffusion sees."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class LatentNormalizer(nn.Module):
    """Subtracts the training mean (C, d, h, w), divides by one training standard deviation per channel (C, 1, 1, 1).

    Until it is loaded with both it changes nothing. The voxel DAE uses it on images of one channel.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, latent_shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(tuple(latent_shape)))
        self.register_buffer("std", torch.ones(latent_shape[0], 1, 1, 1))

    def normalize(self, z_mu: torch.Tensor) -> torch.Tensor:
        """z_mu (B, C, d, h, w) -> z_0 of the same shape."""
        return (z_mu - self.mean) / self.std

    def denormalize(self, z_0: torch.Tensor) -> torch.Tensor:
        """The inverse of `normalize`: z_0 (B, C, d, h, w) -> z_mu of the same shape."""
        return z_0 * self.std + self.mean
