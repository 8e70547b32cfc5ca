"""Load trained models with the config sections a rule was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ldae.config.load import Config
from ldae.systems.dae import VoxelDiffusionAutoencoder
from ldae.systems.ldae import LatentDiffusionAutoencoder
from ldae.systems.supervised import load_supervised


def load_ldae(weights: list[str], sections: dict[str, dict]) -> LatentDiffusionAutoencoder:
    """The trained model of the folder of `weights`."""
    return LatentDiffusionAutoencoder.load(Path(weights[0]).parent, make_config(sections))


def load_dae(weights: str, sections: dict[str, dict]) -> VoxelDiffusionAutoencoder:
    """The voxel DAE of this file."""
    return VoxelDiffusionAutoencoder.load(Path(weights).parent, make_config(sections))


def load_encoder(weights: str, sections: dict[str, dict]) -> Callable:
    """The encoder of this file, of the voxel DAE or a supervised one: scans to codes."""
    path = Path(weights)
    if path.stem == "dae":
        return load_dae(weights, sections).encode_semantic
    return load_supervised(path.parent, path.stem.removeprefix("supervised_"), make_config(sections))


def make_config(sections: dict[str, dict]) -> Config:
    """A configuration of these sections alone."""
    parts = {name: Config.model_fields[name].annotation(**values) for name, values in sections.items()}
    return Config.model_construct(**parts)
