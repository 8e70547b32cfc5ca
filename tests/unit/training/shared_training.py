"""Two trainings, each shared by as many processes as its settings say: run this module with `python -m`."""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path

import torch

from ldae.data.volumes import Volumes
from ldae.training.autoencoder import AutoencoderStage
from ldae.training.checkpoints import BEST
from ldae.training.fit import fit
from ldae.training.ldm import LDMStage
from ldae.training.state import is_main_process, training_state

LATE = 1  # seconds that the second process is behind at the end


def train(folder: Path) -> None:
    """Train by its settings, (LDMConfig, AutoencoderConfig, DiffusionConfig); leave the histories there."""
    ldm, autoencoder, diffusion = pickle.loads((folder / "settings.pickle").read_bytes())
    torch.manual_seed(5)
    latents, scans = torch.randn(14, 2, 4, 4, 4), torch.rand(14, 1, 8, 8, 8)
    stages = LDMStage(ldm, diffusion, 2), AutoencoderStage(autoencoder, None)
    for name, stage, items in zip(("ldm", "autoencoder"), stages, (latents, scans), strict=True):
        run(name, stage, items, folder)


def run(name: str, stage: LDMStage | AutoencoderStage, items: torch.Tensor, folder: Path) -> None:
    """Fit a stage to nine items, select by five; each process notes whether the best weights are there at its end."""
    train, validation = (Volumes(numbers, lambda i: items[i]) for numbers in (range(9), range(9, 14)))
    with training_state(folder / "checkpoints" / name, {"stage": name}) as state_dir:
        fit(stage, train, validation, seed=3, state_dir=state_dir, history_path=folder / f"{name}.csv")
        if not is_main_process():
            time.sleep(LATE)
            (folder / f"{name}_late.txt").write_text(str((state_dir / BEST).exists()), encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]))
