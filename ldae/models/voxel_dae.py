"""The voxel DAE: a diffusion autoencoder on an image grid (Preechakul et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from ldae.models.conditioned_decoder import ConditionedDecoder
from ldae.models.denoiser import Denoiser
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.semantic_encoder import SemanticEncoder


class VoxelDAE(nn.Module):
    """A semantic encoder and a conditional 3D U-Net over x_0, the normalised image on the encoder's grid.

    The U-Net is the denoiser's, its middle and up path conditioned on y_sem. `normalizer` gives intensities from -1 to
    1 until it is loaded with the statistics of training images.

    Parameters
    ----------
    semantic_encoder : SemanticEncoder
        Images (B, 1, D, H, W) in 0..1 on its grid -> y_sem (B, S).
    denoiser : Denoiser
        Of one channel; its down path is taken over, the rest is replaced by a conditioned copy.
    """

    def __init__(self, semantic_encoder: SemanticEncoder, denoiser: Denoiser) -> None:
        super().__init__()
        self.grid_shape = semantic_encoder.grid_shape
        self.normalizer = LatentNormalizer((1, *self.grid_shape))
        self.normalizer.mean.fill_(0.5)
        self.normalizer.std.fill_(0.5)
        self.semantic_encoder = semantic_encoder
        self.down = denoiser
        self.up = ConditionedDecoder(denoiser, semantic_encoder.semantic_dim)
        del self.down.middle_block, self.down.up_blocks, self.down.out  # their conditioned copies take their place

    def forward(self, x_t: torch.Tensor, timesteps: torch.Tensor, y_sem: torch.Tensor) -> torch.Tensor:
        """x_t (B, 1, D, H, W), timesteps (B,), y_sem (B, S) -> eps of the shape of x_t."""
        features = self.down.encode(x_t, timesteps)
        return features.base + self.up(features, y_sem)


def resample(x: torch.Tensor, grid_shape: Sequence[int]) -> torch.Tensor:
    """Images (B, 1, D, H, W) on another grid over the same field of view, trilinear."""
    return F.interpolate(x, tuple(grid_shape), mode="trilinear", align_corners=False)
