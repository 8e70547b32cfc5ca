"""What a measurement finds beside the scans: the weights' sidecars, and no LPIPS."""

from __future__ import annotations

from pathlib import Path

from ldae.config.names import LDAE_MODELS
from ldae.evaluation.measure.lpips import Lpips
from ldae.files import write_json


def write_sidecars(folder: Path, *others: str, version: str = "first") -> Path:
    """A folder below `folder` with the sidecars of an LDAE and of `others`, of weights that are called `version`."""
    models = folder / "models"
    for name in (*LDAE_MODELS, *others):
        write_json(models / f"{name}.json", {"weights_sha256": f"{version} {name}"})
    return models


def no_lpips(nets, files, device) -> Lpips:
    """Stands for `load_lpips`; its note tells what it was called with."""
    return Lpips(dict.fromkeys(nets), {net: f"no {net} in {files} for {device}" for net in nets})
