"""Whether a trained model can be used with a configuration and in a working directory; asked before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from ldae.config.load import Config
from ldae.config.names import LDAE_MODELS
from ldae.errors import UserError
from ldae.files import hash_content, hash_file, write_text
from ldae.systems.description import parse_description

# What the images of the two cohorts must have in common; the program that extracts brains, say, may be another.
PREPROCESSING = ("grid_shape", "grid_spacing_mm", "grid_center_mm", "transform", "clip_percentiles")
NETWORKS = ("autoencoder", "latents", "diffusion", "ldm", "encoder", "representation")
HEAD = """\
# Made from the model in {folder}: what a configuration that uses it has to hold.
# Lay it over your own file, last: --configfile my_study.yaml {file}
"""


def check_settings(models_dir: str | Path, config: Config, overlay: str | Path) -> None:
    """Check that a configuration makes the images and builds the networks of the model in a folder.

    Parameters
    ----------
    overlay : path
        Where the model's own settings are written, as YAML, if they differ.

    Raises
    ------
    UserError
        They differ, or the folder holds no model.
    """
    own = shared_settings(parse_description(models_dir).config)
    differing = list(_differences(own, shared_settings(config.model_dump(mode="json", include={*own}))))
    if differing:
        text = yaml.safe_dump(own, sort_keys=False, default_flow_style=None)
        write_text(overlay, HEAD.format(folder=models_dir, file=overlay) + text)
        cure = f"lay the model's own settings over yours, last; they are in {overlay} now: --configfile … {overlay}"
        raise UserError(
            f"models_from: {models_dir}", "the model's grid and networks", "\n    " + "\n    ".join(differing), cure
        )


def shared_settings(sections: dict) -> dict:
    """Of nested dicts of settings those that a model shares with each cohort that it is used on."""
    preprocessing = {key: sections["preprocessing"][key] for key in PREPROCESSING}
    return {"preprocessing": preprocessing} | {name: sections[name] for name in NETWORKS}


def check_place(models_dir: str | Path, results: str | Path = "results") -> None:
    """Check that a model taken from `models_dir` replaces none that was trained here.

    Raises
    ------
    UserError
        `models_dir` is the folder that it would be copied to, or this working directory has trained a model.
    """
    own = Path(results, "models")
    cure = "evaluate in another working directory (snakemake --directory)"
    if Path(models_dir).resolve() == own.resolve():
        raise UserError(f"models_from: {models_dir}", "a model of another run", "this run's own folder", cure)
    trained = [name for name in LDAE_MODELS if Path(results, "training", f"{name}.csv").exists()]
    if trained:
        found = f"{', '.join(trained)}, trained here, whose weights would be replaced"
        raise UserError(own, "no model but the one in models_from", found, cure)


def fingerprint_model(models_dir: str | Path) -> str:
    """Hash of a model's JSON files; ``model.json`` holds those of the others."""
    return hash_content({path.name: hash_file(path) for path in Path(models_dir).glob("*.json")})


def _differences(own: dict, given: dict, place: str = "") -> Iterator[str]:
    for key in sorted(own.keys() | given.keys()):
        here, there = given.get(key), own.get(key)
        if isinstance(here, dict) and isinstance(there, dict):
            yield from _differences(there, here, f"{place}{key}.")
        elif here != there:
            yield f"{place}{key}: {there} in the model, {here} in the configuration"
