"""The supervised encoders' network."""

from __future__ import annotations

from collections.abc import Sequence

from ldae.config.models import EncoderConfig
from ldae.models.supervised import SupervisedEncoder
from ldae.networks.encoder import build_semantic_encoder


def build_supervised_encoder(encoder: EncoderConfig, grid_shape: Sequence[int]) -> SupervisedEncoder:
    """The semantic encoder with a linear head, for scans on a grid."""
    return SupervisedEncoder(build_semantic_encoder(encoder, grid_shape))
