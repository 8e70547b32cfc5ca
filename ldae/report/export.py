"""A trained model as one folder to pass on: weights, probes, statistics, settings, a model card, and nobody's code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ldae.errors import UserError
from ldae.files import atomic_path, read_json, sidecar_path, write_json, write_record, write_text
from ldae.report.model_card import CARD, write_card
from ldae.systems.description import FILES, MODEL, PROBES, ModelDescription, read_description
from ldae.systems.trained import load

# What a sidecar keeps; above all the lists of subjects are left out.
KEPT = (
    *("config", "seed", "parents", "weights_sha256", "data_sha256", "commit", "versions", "code", "steps", "best"),
    *("perceptual_loss", "initial", "training_scans", "validation_scans"),
)
PLACES = ("backbone_weights", "perceptual_weights", "init_from")  # settings that name a place on this machine


def export_model(
    models_dir: str | Path, output: str | Path, tables_dir: str | Path | None = None, overwrite: bool = False
) -> None:
    """Write a folder that `ldae.load` and `ldae predict` work from anywhere, with ``README.md``, its model card.

    It holds no subject's code, no path of this machine and no label. The folder is loaded before it gets its name.

    Parameters
    ----------
    models_dir : path
        results/models of a finished run.
    output : path
        The folder to write.
    tables_dir : path, optional
        Where the card takes its numbers from; by default the folder tables beside `models_dir`. The card says which
        tables are missing.
    overwrite : bool
        Whether a folder that is there is replaced.

    Raises
    ------
    UserError
        `output` is there already, or `models_dir` holds no complete trained model.
    """
    models, target = Path(models_dir), Path(output)
    description = read_description(models)
    if target.exists() and not overwrite:
        raise UserError(target, "a name for a new folder", "something there", "choose another, or say to overwrite it")
    if target.resolve() in (models.resolve(), *models.resolve().parents):
        raise UserError(target, f"a folder outside {models}", "the model itself, or what holds it", "choose another")
    with atomic_path(target) as folder:
        folder.mkdir()
        copy_model(models, folder, description)
        weights = [name for name in FILES if name != PROBES]
        sidecars = {Path(name).stem: read_json(sidecar_path(folder / name)) for name in weights}
        tables = Path(tables_dir) if tables_dir else models.parent / "tables"
        write_text(folder / CARD, write_card(load(folder, "cpu"), sidecars, tables))
        if target.is_dir() and not target.is_symlink():
            os.replace(target, folder.with_name(f"{target.name}.replaced"))  # goes with the temporary folder


def copy_model(models: Path, folder: Path, description: ModelDescription) -> None:
    """Copy what the description names into `folder`, the sidecars and the description cleaned."""
    for name in FILES:
        shutil.copyfile(models / name, folder / name)
        if name == PROBES:
            continue
        told = read_json(sidecar_path(models / name))
        cleaned = {key: without_places(told[key]) for key in KEPT if key in told}
        counts = {split: len(subjects) for split, subjects in told.get("subjects", {}).items()}
        cleaned |= {"initial": {"file": told["initial"]["file"]}} if "initial" in told else {}
        write_json(sidecar_path(folder / name), cleaned | ({"subject_counts": counts} if counts else {}))
    write_record(folder / MODEL, without_places(description.model_dump()))


def without_places(content: Any) -> Any:
    """The same settings, of the files that they name the name alone.

    Examples
    --------
    >>> without_places({"encoder": {"backbone": "convnext_tiny", "backbone_weights": "/home/me/tiny.pth"}})
    {'encoder': {'backbone': 'convnext_tiny', 'backbone_weights': 'tiny.pth'}}
    """
    if isinstance(content, list):
        return [without_places(each) for each in content]
    if not isinstance(content, dict):
        return content
    return {
        key: Path(value).name if key in PLACES and isinstance(value, str) else without_places(value)
        for key, value in content.items()
    }
