"""ImageNet weights for the semantic encoder's backbone, where a training starts from them."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from ldae.config.models import EncoderConfig
from ldae.errors import UserError
from ldae.models.semantic_encoder import SemanticEncoder


def load_backbone_weights(encoder: SemanticEncoder, config: EncoderConfig, weights: str | Path | None) -> None:
    """Load a state dict of torchvision, strictly; null in `encoder.backbone_weights` leaves the random weights.

    Parameters
    ----------
    weights : path, optional
        The file behind that setting.

    Raises
    ------
    UserError
        The setting is not null and the file is absent, cannot be read, or holds another network.
    """
    if config.backbone_weights is None:
        return
    key, cure = f"encoder.backbone_weights: {config.backbone_weights}", "download them, or set the key to null"
    if weights is None or not Path(weights).is_file():
        raise UserError(key, "ImageNet weights of the backbone", f"no file {weights or ''}".rstrip(), cure)
    expected = f"torchvision's weights of {config.backbone}"
    try:
        encoder.load_backbone(torch.load(weights, map_location="cpu", weights_only=True))
    except (RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(weights, expected, f"{error}"[:300], cure) from None
