"""A trained supervised encoder as a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ldae.config.load import Config
from ldae.device import pick_device
from ldae.networks.supervised import build_supervised_encoder
from ldae.weights import load_weights


def load_supervised(
    models_dir: str | Path, task: str, config: Config, device: str = "auto"
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The encoder of ``supervised_<task>.safetensors``: a function of x (B, 1, D, H, W) in 0..1 that gives (B, S).

    Raises
    ------
    UserError
        The file is missing or was trained with another configuration.
    """
    device = pick_device(device)
    network = build_supervised_encoder(config.encoder, config.preprocessing.grid_shape)
    trained_with = config.model_dump(mode="json", include={"supervised", "encoder"})
    load_weights(network, Path(models_dir) / f"supervised_{task}.safetensors", trained_with)
    network.to(device).eval()

    @torch.inference_mode()
    def encode(x: torch.Tensor) -> torch.Tensor:
        return network.semantic_encoder(x.to(device))

    return encode
