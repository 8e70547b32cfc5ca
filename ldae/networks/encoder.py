"""The semantic encoder, which all systems share."""

from __future__ import annotations

from collections.abc import Sequence

from ldae.config.models import EncoderConfig
from ldae.models.semantic_encoder import SemanticEncoder


def build_semantic_encoder(config: EncoderConfig, grid_shape: Sequence[int]) -> SemanticEncoder:
    """The untrained encoder of scans on a grid; ImageNet weights are loaded by ``ldae.training.backbone``."""
    return SemanticEncoder(
        grid_shape,
        semantic_dim=config.semantic_dim,
        backbone=config.backbone,
        attention_heads=config.attention_heads,
    )
