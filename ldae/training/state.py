"""What identifies a training, and the folder where its state waits for a rerun."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from ldae.config.base import Section
from ldae.files import PARTIAL, hash_content, hash_file, write_json
from ldae.lock import one_at_a_time

logger = logging.getLogger(__name__)

PACKAGES = ("torch", "monai", "lightning", "safetensors", "numpy")
# Of the fitted rows, what makes a training another one; paths do not.
IDENTIFYING = ("subject", "session", "split", "image_sha256", "latent_sha256", "target")


@dataclass(frozen=True)
class TrainingJob:
    """One training.

    Attributes
    ----------
    seed : int
    output, history : path
        The weights and the table it writes.
    checkpoint_dir : path
        Where its state waits.
    code : str
        Hash of its code.
    tensorboard_dir : path, optional
        Folder of its event files.
    pretrained : path, optional
        The weights of others that it reads: of the perceptual loss, or of the encoder's backbone.
    """

    seed: int
    output: str | Path
    history: str | Path
    checkpoint_dir: str | Path
    code: str = ""
    tensorboard_dir: str | Path | None = None
    pretrained: str | Path | None = None


def describe_run(
    job: TrainingJob,
    config: dict[str, Section],
    parents: dict[str, str | Path],
    fitted: Sequence[pd.DataFrame],
) -> dict:
    """All that determines a training's result but its code; its hash names the state folder, its content the sidecar.

    Parameters
    ----------
    config : dict
        The sections of the configuration that the stage uses.
    parents : dict
        The weight files it builds on, by name; `job.pretrained` is one more.
    fitted : sequence of two DataFrame
        The rows of scans that it is fitted to and that it is selected by. No other row matters, nor do paths.
    """
    if job.pretrained is not None:
        parents = {**parents, "pretrained": job.pretrained}
    rows = pd.concat(list(fitted))
    rows = rows[[name for name in IDENTIFYING if name in rows]]
    return {
        "config": dump_sections(config),
        "seed": job.seed,
        "data_sha256": hash_content(rows.to_dict("records")),
        "parents": {name: hash_file(path) for name, path in parents.items()},
        "subjects": list_subjects(*fitted),
    }


def dump_sections(config: dict[str, Section]) -> dict[str, dict]:
    """Sections of the configuration as the sidecars hold them."""
    return {name: part.model_dump(mode="json") for name, part in config.items()}


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
    """Whether this is the process that locks and writes; Lightning starts one per device and numbers them."""
    return os.environ.get("LOCAL_RANK", "0") == "0" and os.environ.get("NODE_RANK", "0") == "0"


def wait_for_all() -> None:
    """Wait until every process of this training has come here."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()


@contextmanager
def training_state(checkpoint_dir: str | Path, run: dict) -> Iterator[Path]:
    """Yield the folder that keeps the state of `run`; remove it when the body succeeds, in all processes.

    Another run (other configuration, data, parents or seed) has another folder, so states never mix; other code has the
    same. The lock on `checkpoint_dir` also keeps out a training that outlived its workflow.

    Raises
    ------
    Busy
        Another process is training this stage.
    """
    checkpoint_dir = Path(checkpoint_dir)
    folder = checkpoint_dir / hash_content(run)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    if not is_main_process():
        yield folder
        wait_for_all()
        return
    with one_at_a_time(checkpoint_dir):
        for left_over in folder.glob(f"{PARTIAL}*"):  # by a training that was killed while it saved
            shutil.rmtree(left_over)
        write_json(folder / "run.json", run)
        yield folder
        wait_for_all()
        shutil.rmtree(folder, ignore_errors=True)  # a file still mapped keeps its folder on a network file system
        left = sorted(path.name for path in checkpoint_dir.iterdir() if path.is_dir())
        if left:
            logger.info("%s keeps unfinished trainings of other settings: %s", checkpoint_dir, ", ".join(left))
