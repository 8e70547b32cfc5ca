"""The third stage's networks."""

from __future__ import annotations

from collections.abc import Sequence

from ldae.config.models import EncoderConfig
from ldae.models.denoiser import Denoiser
from ldae.models.representation import RepresentationNet
from ldae.networks.encoder import build_semantic_encoder


def build_representation(encoder: EncoderConfig, denoiser: Denoiser, grid_shape: Sequence[int]) -> RepresentationNet:
    """Semantic encoder and gradient estimator beside `denoiser`, for scans on a grid."""
    return RepresentationNet(build_semantic_encoder(encoder, grid_shape), denoiser)
