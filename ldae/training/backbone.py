"""ImageNet weights for the semantic encoder's backbone, where a training starts from them."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from ldae.config.models import EncoderConfig
from ldae.errors import UserError
from ldae.models.semantic_encoder import SemanticEncoder


def load_backbone_weights(encoder: SemanticEncoder, config: EncoderConfig) -> None:
    """Load `encoder.backbone_weights`, a state dict of torchvision, strictly; null leaves the random weights.

    Raises
    ------
    UserError
        The file is absent, cannot be read, or holds another network.
    """
    if config.backbone_weights is None:
        return
    path = Path(config.backbone_weights)
    cure = "download them, or set encoder.backbone_weights: null"
    if not path.is_file():
        raise UserError(path, "ImageNet weights of the backbone", "no such file", cure)
    expected = f"torchvision's weights of {config.backbone}"
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        encoder.load_backbone(weights)
    except (RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(path, expected, f"{error}"[:300], cure) from None
