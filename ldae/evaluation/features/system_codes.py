"""The codes that the systems beside LDAE give: those of the voxel DAE and of the supervised encoders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ldae.config.load import Config
from ldae.data.scans import read_scans
from ldae.evaluation.features.embeddings import extract_embeddings, write_embeddings
from ldae.files import hash_file
from ldae.systems.dae import VoxelDiffusionAutoencoder
from ldae.systems.supervised import load_supervised


def load_encoder(weights: str | Path, config: Config) -> Callable[[torch.Tensor], torch.Tensor]:
    """The encoder of ``dae.safetensors`` or ``supervised_<task>.safetensors``: scans (B, 1, D, H, W) to codes."""
    path = Path(weights)
    if path.stem == "dae":
        return VoxelDiffusionAutoencoder.load(path.parent, config).encode_semantic
    return load_supervised(path.parent, path.stem.removeprefix("supervised_"), config)


def embed_with_system(scans: str | Path, weights: str | Path, config: Config, output: str | Path) -> None:
    """Encode every scan of `scans.csv` with the system of these weights.

    Parameters
    ----------
    scans, weights, output : path
        The table of scans, the weights, the NPZ to write.
    config : Config
        The sections of the system, and evaluation.batch_size.
    """
    encode = load_encoder(weights, config)
    codes = extract_embeddings(encode, read_scans(scans), config.evaluation.batch_size, Path(weights).stem)
    write_embeddings(output, replace(codes, weights_sha256=hash_file(weights)))
