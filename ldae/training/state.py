"""What identifies a training, and the folder where its state waits for a rerun."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from ldae.errors import UserError
from ldae.files import hash_content, hash_file, write_json

logger = logging.getLogger(__name__)

PACKAGES = ("torch", "monai", "lightning", "safetensors", "numpy")


@dataclass(frozen=True)
class Job:
    """One training: its seed, the weights and the history it writes, where its state waits, the hash of its code."""

    seed: int
    output: str | Path
    history: str | Path
    checkpoint_dir: str | Path
    code: str = ""


def describe_run(
    job: Job,
    config: dict,
    dataset_csv: str | Path,
    parents: dict[str, str | Path],
    fitted: tuple[pd.DataFrame, pd.DataFrame],
) -> dict:
    """All that determines a training's result; its hash names the state folder, its content opens the sidecar.

    Parameters
    ----------
    config : dict
        The sections of the configuration that the stage uses.
    parents : dict
        The weight files it builds on, by name.
    fitted : pair of DataFrame
        The rows of the dataset table that it is fitted to and that it is selected by.
    """
    return {
        "config": config,
        "seed": job.seed,
        "dataset_sha256": hash_file(dataset_csv),
        "parents": {name: hash_file(path) for name, path in parents.items()},
        "subjects": list_subjects(*fitted),
        "code": job.code,
    }


def list_subjects(train: pd.DataFrame, validation: pd.DataFrame | None = None) -> dict[str, list[str]]:
    """The subjects of these rows, for the sidecar: leakage.csv is made of it."""
    return {
        split: sorted(set(rows["subject"]))
        for split, rows in (("train", train), ("validation", validation))
        if rows is not None
    }


def origin() -> dict:
    """Commit of the checkout (`unknown` outside one) and versions of the packages that make the numbers."""
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    found = subprocess.run(git, capture_output=True, text=True, check=False) if shutil.which("git") else None
    commit = found.stdout.strip() if found and found.returncode == 0 else "unknown"
    return {"commit": commit, "versions": {name: importlib.metadata.version(name) for name in PACKAGES}}


def is_main_process() -> bool:
    """Whether this is the process that locks and writes; Lightning starts one a device and numbers them."""
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"


@contextmanager
def training_state(checkpoint_dir: str | Path, run: dict) -> Iterator[Path]:
    """Yield the folder that keeps the state of `run`; remove it when the body succeeds.

    Another run (other configuration, data, parents, code) has another folder, so states never mix. The lock on
    `checkpoint_dir` also keeps out a training that outlived its workflow.

    Raises
    ------
    UserError
        Another process is training this stage.
    """
    checkpoint_dir = Path(checkpoint_dir)
    folder = checkpoint_dir / hash_content(run)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    if not is_main_process():
        yield folder
        return
    try:
        with FileLock(checkpoint_dir / "lock", timeout=0):
            write_json(folder / "run.json", run)
            yield folder
            shutil.rmtree(folder)
            left = sorted(path.name for path in checkpoint_dir.iterdir() if path.is_dir())
            if left:
                logger.info("%s keeps unfinished trainings of other settings: %s", checkpoint_dir, ", ".join(left))
    except Timeout:
        cure = "wait until it ends, or stop it if it was left over by a killed run, then run again"
        raise UserError(checkpoint_dir, "one training at a time", "another process holds the lock", cure) from None
