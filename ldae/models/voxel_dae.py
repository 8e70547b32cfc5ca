"""The voxel DAE: a diffusion autoencoder on an image grid (Preechakul et al. 2022)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ldae.config.models import DAEConfig, DiffusionConfig, EncoderConfig
from ldae.models.conditioned_decoder import ConditionedDecoder
from ldae.models.denoiser import build_denoiser
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.semantic_encoder import SemanticEncoder


class VoxelDAE(nn.Module):
    """A semantic encoder and a conditional 3D U-Net over x_0, the normalised image on the grid of `config`.

    The U-Net is the denoiser's, its middle and up path conditioned on y_sem. `normalizer` gives intensities from -1 to
    1 until it is loaded with the statistics of training images.
    """

    def __init__(self, config: DAEConfig, encoder: EncoderConfig, diffusion: DiffusionConfig) -> None:
        super().__init__()
        self.grid_shape = config.grid_shape
        self.normalizer = LatentNormalizer((1, *config.grid_shape))
        self.normalizer.mean.fill_(0.5)
        self.normalizer.std.fill_(0.5)
        self.semantic_encoder = SemanticEncoder(encoder, config.grid_shape)
        self.down = build_denoiser(config, diffusion, 1)
        self.up = ConditionedDecoder(self.down, encoder.semantic_dim)
        del self.down.middle_block, self.down.up_blocks, self.down.out  # their conditioned copies take their place

    def forward(self, x_t: torch.Tensor, timesteps: torch.Tensor, y_sem: torch.Tensor) -> torch.Tensor:
        """x_t (B, 1, D, H, W), timesteps (B,), y_sem (B, S) -> eps of the shape of x_t."""
        features = self.down.encode(x_t, timesteps)
        return features.base + self.up(features, y_sem)


def resample(x: torch.Tensor, grid_shape: tuple[int, int, int]) -> torch.Tensor:
    """Images (B, 1, D, H, W) on another grid over the same field of view, trilinear."""
    return F.interpolate(x, grid_shape, mode="trilinear", align_corners=False)
