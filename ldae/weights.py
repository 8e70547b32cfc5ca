"""Weight files: safetensors with a JSON sidecar that says what they are."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ldae.errors import UserError
from ldae.files import durable_path, flush, hash_file, read_record, sidecar_path, write_json


def save_tensors(tensors: dict[str, torch.Tensor], path: str | Path, sidecar: dict) -> None:
    """Write named tensors to `path` (.safetensors) and `sidecar`, with the file's hash added, beside it (.json).

    Both are on the disk when this returns: what they were made of, such as the state of a training, may then go.
    """
    with durable_path(path) as temporary:
        save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}, temporary)
        write_json(sidecar_path(path), {**sidecar, "weights_sha256": hash_file(temporary)})
        flush(sidecar_path(path))


def load_tensors(
    path: str | Path, config: dict | None = None, parents: dict[str, str] | None = None
) -> tuple[dict[str, torch.Tensor], dict]:
    """Read the tensors and the sidecar that `save_tensors` wrote.

    Parameters
    ----------
    path : path
        The .safetensors file.
    config : dict, optional
        Sections of the configuration, by name; those the file was made with must be equal.
    parents : dict, optional
        SHA-256 of the files it is used with, by name; those it was made from must be the same.

    Raises
    ------
    UserError
        A file is missing or damaged, the two do not belong together, or `config` or `parents` are not the file's own.
    """
    path, sidecar = Path(path), sidecar_path(path)
    cure = f"delete {path} and run the workflow again; it makes the file anew"
    for file in (path, sidecar):
        if not file.is_file():
            raise UserError(file, "a trained model", "no such file", "run the workflow up to the rule that writes it")
    description = read_sidecar(sidecar, cure)
    if hash_file(path) != description.get("weights_sha256"):
        raise UserError(path, f"the file that {sidecar.name} describes", "other or damaged content", cure)
    _check_config(path, description.get("config", {}), config or {})
    for name, own in description.get("parents", {}).items():
        beside = (parents or {}).get(name, own)
        if beside != own:
            found = f"made from another {name} (SHA-256 {own[:12]}..., not {beside[:12]}...)"
            raise UserError(path, f"weights made from the {name} beside it", found, cure)
    try:
        return load_file(path), description
    except SafetensorError as error:
        raise UserError(path, "a safetensors file", f"{error}", cure) from None


def read_sidecar(sidecar: str | Path, cure: str) -> dict:
    """What stands beside a file of weights.

    Raises
    ------
    UserError
        The file is missing or damaged; with this cure.
    """
    description = read_record(sidecar)
    if description is None:
        raise UserError(sidecar, "JSON that describes the weights of this name", "no or damaged content", cure)
    return description


def save_weights(module: nn.Module, path: str | Path, sidecar: dict) -> None:
    """Write a module's parameters and buffers with `save_tensors`."""
    save_tensors(module.state_dict(), path, sidecar)


def load_weights(
    module: nn.Module, path: str | Path, config: dict | None = None, parents: dict[str, str] | None = None
) -> dict:
    """Load `module` strictly from a file of `save_weights` and return the sidecar.

    Raises
    ------
    UserError
        As `load_tensors`, and where names or shapes of the tensors are not those of `module`.
    """
    tensors, description = load_tensors(path, config, parents)
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        cure = "train it again with this configuration, or use the configuration in the sidecar"
        raise UserError(path, f"the weights of this {type(module).__name__}", f"{error}"[:500], cure) from None
    return description


def _check_config(path: Path, stored: dict, wanted: dict) -> None:
    wanted = json.loads(json.dumps(wanted))
    old, new = _leaves(stored), _leaves({name: value for name, value in wanted.items() if name in stored})
    old = {key: value for key, value in old.items() if key.split(".")[0] in wanted}
    differing = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    if differing:
        found = ", ".join(f"{key}: {old.get(key)} (now {new.get(key)})" for key in differing)
        cure = "run the workflow, which trains again, or set these keys back"
        raise UserError(path, "weights of the current configuration", f"weights trained with {found}", cure)


def _leaves(tree: dict, prefix: str = "") -> dict:
    leaves: dict = {}
    for key, value in tree.items():
        leaves |= _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return leaves
