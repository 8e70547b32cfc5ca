"""Weights that a training starts from instead of random ones: of a trained model of ours, or of MONAI-generative."""

from __future__ import annotations

import logging
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ldae.config.places import initial_weights
from ldae.errors import UserError, is_passing
from ldae.files import hash_file, sidecar_path
from ldae.models.autoencoder import Autoencoder
from ldae.weights import read_sidecar

logger = logging.getLogger(__name__)

# Settings that change what the same tensors mean: shapes do not tell them.
UNET = ("ldm.prediction", "ldm.head_channels", "ldm.norm_groups")
SCHEDULE = ("diffusion.timesteps", "diffusion.beta_start", "diffusion.beta_end")
UNSEEN = {
    "autoencoder": ("autoencoder.norm_groups",),
    "ldm": (*UNET, *SCHEDULE),
    "representation": (*UNET, *SCHEDULE, "encoder.attention_heads", "encoder.backbone", "encoder.center_input"),
}


@dataclass(frozen=True)
class Initial:
    """What a network starts from.

    Attributes
    ----------
    key : str
        The setting that names it.
    path : Path, optional
        The file; None for random weights.
    told : dict
        Its sidecar; empty where it has none.
    """

    key: str
    path: Path | None = None
    told: dict = field(default_factory=dict)

    @property
    def parents(self) -> dict[str, str | Path]:
        """The file as a parent of the training, whose identity thus includes its content."""
        return {} if self.path is None else {"initial": self.path}

    @property
    def description(self) -> dict:
        """For the sidecar: the file's name, and the subjects it saw, itself or by what it started from, if it tells."""
        return {} if self.path is None else {"initial": {"file": self.path.name, "subjects": seen_by(self.told)}}


def find_initial(network: str, place: str | None, config: dict[str, dict], scans: pd.DataFrame) -> Initial:
    """Find the file that `<network>.init_from` names, and check that it may be used.

    Parameters
    ----------
    network : {"autoencoder", "ldm", "representation"}
    place : str, optional
        The setting.
    config : dict
        The sections that the training takes.
    scans : DataFrame
        The table of scans; none of its test subjects may have been seen. A file that does not tell is used with a
        warning, and its training's sidecar has null in place of the subjects.

    Raises
    ------
    UserError
        There is no such file, it is damaged, was made with settings that give its tensors another meaning, or saw a
        test subject.
    """
    key = f"{network}.init_from"
    if place is None:
        return Initial(key)
    path = initial_weights(place, network)
    if not path.is_file():
        cure = f"give the folder of a trained model or a file of weights, or set {key}: null"
        raise UserError(f"{key}: {place}", f"weights of the {network}", f"no file {path}", cure)
    initial = Initial(key, path, _read_sidecar(key, path))
    _check_settings(initial, config, UNSEEN[network])
    _refuse_leaks(initial, scans)
    return initial


def load_initial(module: nn.Module, initial: Initial) -> None:
    """Load a network strictly from what `find_initial` found; random weights stay as they are.

    An `Autoencoder` also takes MONAI-generative's names, through MONAI's own translation.

    Raises
    ------
    UserError
        The file cannot be read, or holds other tensors than the network; the first of them is named.
    """
    if initial.path is None:
        return
    tensors = read_tensors(initial.key, initial.path)
    own = module.state_dict()
    old_names = {_generative_name(name): value for name, value in own.items()}
    if isinstance(module, Autoencoder) and tensors.keys() & (old_names.keys() - own.keys()):
        _check_tensors(initial, old_names, tensors)
        module.load_old_state_dict(tensors)
    else:
        _check_tensors(initial, own, tensors)
        module.load_state_dict(tensors, strict=True)


def read_tensors(key: str, path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, or of a state dict that `torch.save` wrote (alone, or as "state_dict").

    Raises
    ------
    UserError
        The file is neither.
    """
    cure = f"download or export it again, or set {key}: null"
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        if is_passing(error):
            raise
        raise UserError(f"{key}: {path}", "a file of weights", f"{error}"[:300], cure) from None
    content = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise UserError(f"{key}: {path}", "a state dict: tensors by name", f"a {type(content).__name__}", cure)
    return dict(content)


def seen_by(told: dict) -> list[str] | None:
    """All subjects that a file of weights saw, or what it started from; None where a sidecar does not tell."""
    if "subjects" not in told:
        return None
    seen = {subject for subjects in told["subjects"].values() for subject in subjects}
    before = told.get("initial", {"subjects": []})["subjects"]
    return None if before is None else sorted(seen | set(before))


def _read_sidecar(key: str, path: Path) -> dict:
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return {}
    cure = f"copy {path.name} and {sidecar.name} from one folder, or set {key}: null"
    told = read_sidecar(sidecar, cure)
    if told.get("weights_sha256") != hash_file(path):
        raise UserError(f"{key}: {path}", f"the file that {sidecar.name} describes", "another or a damaged one", cure)
    return told


def _refuse_leaks(initial: Initial, scans: pd.DataFrame) -> None:
    seen = seen_by(initial.told)
    if seen is None:
        logger.warning(
            "%s: %s does not tell whom it was trained on; if test subjects were among them, the tables flatter it",
            *(initial.key, initial.path),
        )
        return
    leaked = sorted(set(seen) & set(scans.loc[scans["split"] == "test", "subject"]))
    if leaked:
        found = f"{len(leaked)} of the test split, such as {leaked[0]}"
        cure = "start from other weights, or keep the split that these were trained with: name it as split.file"
        raise UserError(f"{initial.key}: {initial.path}", "weights that no test subject had a part in", found, cure)


def _check_settings(initial: Initial, config: dict[str, dict], unseen: tuple[str, ...]) -> None:
    stored = initial.told.get("config", {})
    for place in unseen:
        section, name = place.split(".")
        if section in stored and stored[section].get(name) != config[section][name]:
            found = f"weights trained with {place} {stored[section].get(name)}"
            cure = f"set {place} so, or {initial.key}: null"
            raise UserError(f"{initial.key}: {initial.path}", f"{place} {config[section][name]}", found, cure)


def _check_tensors(initial: Initial, expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> None:
    for name in sorted(expected.keys() | found.keys()):
        now, then = (f"{name} {list(part[name].shape)}" if name in part else f"no {name}" for part in (expected, found))
        if now != then:
            cure = f"give weights of a network of this size, set the configured sizes to theirs, or {initial.key}: null"
            raise UserError(f"{initial.key}: {initial.path}", now, then, cure)


def _generative_name(name: str) -> str:
    """What MONAI-generative calls a tensor of an autoencoder without attention."""
    return name.replace(".postconv.", ".conv.")
