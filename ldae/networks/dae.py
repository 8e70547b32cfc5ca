"""The voxel DAE's network."""

from __future__ import annotations

from ldae.config.models import DAEConfig, DiffusionConfig, EncoderConfig
from ldae.models.voxel_dae import VoxelDAE
from ldae.networks.diffusion import build_denoiser
from ldae.networks.encoder import build_semantic_encoder


def build_voxel_dae(config: DAEConfig, encoder: EncoderConfig, diffusion: DiffusionConfig) -> VoxelDAE:
    """Semantic encoder and conditional U-Net on the grid of `config`."""
    return VoxelDAE(build_semantic_encoder(encoder, config.grid_shape), build_denoiser(config, diffusion, 1))
