"""Two trainings, each shared by as many processes as its settings say: run this module with `python -m`."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import time
from pathlib import Path

import torch

from ldae.data.volumes import Volumes
from ldae.training.autoencoder import AutoencoderStage
from ldae.training.checkpoints import BEST, saved_steps
from ldae.training.fit import fit
from ldae.training.ldm import LDMStage
from ldae.training.state import is_main_process, training_state

LATE = 1  # seconds that the second process is behind at the end


def train(folder: Path, end_in: int | None = None) -> None:
    """Train by its settings, (LDMConfig, AutoencoderConfig, DiffusionConfig); leave the histories there.

    `end_in`: a step of the first training in which the first process alone is asked to end.
    """
    ldm, autoencoder, diffusion = pickle.loads((folder / "settings.pickle").read_bytes())
    torch.manual_seed(5)
    latents, scans = torch.randn(14, 2, 4, 4, 4), torch.rand(14, 1, 8, 8, 8)
    stages = LDMStage(ldm, diffusion, 2), AutoencoderStage(autoencoder, None)
    if end_in is not None and is_main_process():
        end_in_step(stages[0], end_in)
    for name, stage, items in zip(("ldm", "autoencoder"), stages, (latents, scans), strict=True):
        run(name, stage, items, folder)


def end_in_step(stage: LDMStage, number: int) -> None:
    """Let a signal come in a step."""
    whole = stage.training_step

    def training_step(batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        if stage.step == number:
            os.kill(os.getpid(), signal.SIGTERM)
        return whole(batch, batch_idx)

    stage.training_step = training_step


def run(name: str, stage: LDMStage | AutoencoderStage, items: torch.Tensor, folder: Path) -> None:
    """Fit a stage to nine items, select by five; each process notes whether the best weights are there at its end."""
    train, validation = (Volumes(numbers, lambda i: items[i]) for numbers in (range(9), range(9, 14)))
    with training_state(folder / "checkpoints" / name, {"stage": name}) as state_dir:
        fit(stage, train, validation, seed=3, state_dir=state_dir, history_path=folder / f"{name}.csv")
        if not is_main_process():
            time.sleep(LATE)
            (folder / f"{name}_late.txt").write_text(str(bool(saved_steps(state_dir, BEST))), encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]), *map(int, sys.argv[2:]))
