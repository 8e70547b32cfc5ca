"""The course of a training: its steps, their randomness and mean losses, and the history, a row per validation."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
import torch

from ldae.errors import UserError
from ldae.files import write_table
from ldae.progress import Progress
from ldae.training.means import Means, Sums
from ldae.training.overflows import REPEATED
from ldae.training.stage import Stage
from ldae.training.state import is_main_process

logger = logging.getLogger(__name__)


class Course(L.Callback):
    """Randomness of each step; history, progress and a check of the losses at each validation.

    All this is part of the checkpoint: a resumed training goes on from the rows, and from the losses since the last
    one, that it had when that was written. (The file of Lightning's CSVLogger is emptied by a resumed training.)

    Parameters
    ----------
    history : path
        Table to write: step, train_*, val_*.
    run : str
        Which training this is; a checkpoint of another is refused.
    code : str
        Hash of the code that trains now.

    Attributes
    ----------
    rows : list of dict
        The history.
    step : int
        Optimizer steps taken.
    means : Means
        The training losses since the last validation.
    codes : list of dict
        Each hash of the code that trained, with the number of steps taken before: ``from_step`` and ``code``.
    """

    progress: Progress

    def __init__(self, seed: int, history: str | Path, run: str, code: str = "") -> None:
        self.seed, self.history, self.run, self.code = seed, Path(history), run, code
        self.rows: list[dict[str, float]] = []
        self.codes: list[dict[str, int | str]] = []
        self.step = 0
        self.means = Means()
        self.sums: list[Sums] = []

    def state_dict(self) -> dict:
        """What the checkpoint keeps."""
        sums = self.means.state()
        return {"rows": self.rows, "codes": self.codes, "run": self.run, "step": self.step, "sums": sums}

    def load_state_dict(self, state: dict) -> None:
        """Take over the history of a checkpoint, of this training only."""
        if state["run"] != self.run:
            found = f"the state of training {state['run']}"
            raise UserError(self.run, "a checkpoint of this configuration", found, "delete the checkpoint folder")
        self.rows, self.codes, self.step, self.sums = (state[name] for name in ("rows", "codes", "step", "sums"))

    def write(self) -> None:
        """Write the history."""
        if is_main_process():
            names = sorted({name for row in self.rows for name in row} - {"step"})
            write_table(self.history, pd.DataFrame(self.rows, columns=["step", *names]))

    def on_train_start(self, trainer: L.Trainer, module: Stage) -> None:  # type: ignore[override]
        """Take up the losses of a resumed epoch; note which code trains from here on, and say where it is another."""
        self.means.load(self.sums, trainer.global_rank, trainer.world_size)
        module.means = self.means
        if not self.codes:
            self.codes = [{"from_step": 0, "code": self.code}]
        elif self.codes[-1]["code"] != self.code:
            message = "%s: the training continues; its code changed since step %d: %s -> %s"
            logger.warning(message, self.history.stem, self.step, self.codes[-1]["code"], self.code)
            self.codes = [*self.codes, {"from_step": self.step, "code": self.code}]
        elif self.step:
            logger.info("%s: the training continues after step %d", self.history.stem, self.step)
        self.progress = Progress(logger, self.history.stem, module.settings.steps, "steps", self.step)

    def on_train_batch_start(  # type: ignore[override]
        self, trainer: L.Trainer, module: Stage, batch: object, batch_idx: int
    ) -> None:
        """Set the randomness by (seed, step, part of the step's batch), whichever device has that part."""
        loader: Any = trainer.train_dataloader
        step, part = divmod(loader.sampler.number(batch_idx), module.settings.accumulate)
        module.step, module.counts = step, True
        _seed(module, self.seed, 0, step, part)

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: L.Trainer, module: Stage, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Count the optimizer steps."""
        if module.ends_step(batch_idx):
            self.step = module.step + 1

    def on_validation_batch_start(  # type: ignore[override]
        self, trainer: L.Trainer, module: Stage, batch: object, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Set the randomness by the number of the batch, the same at each validation and on whichever device."""
        loader: Any = trainer.val_dataloaders
        module.counts = loader.sampler.counts(batch_idx)
        _seed(module, self.seed, 1, loader.sampler.numbers[batch_idx], 0)

    def on_train_epoch_end(self, trainer: L.Trainer, module: Stage) -> None:  # type: ignore[override]
        """Add a row to the history; losses that are not finite end the training.

        Those of training may be so where all steps since the last validation were left out; see `Overflows`.
        """
        judged = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        losses = self.means.take() | judged
        checked = {name for name in losses if not (module.leaves_out_overflows and name.startswith("train_"))}
        wrong = sorted(name for name in checked if not math.isfinite(losses[name]))
        if wrong:
            found = f"{wrong[0]} = nan or inf; {REPEATED}"
            cure = "lower its learning_rate or set its training.precision: 32-true"
            raise UserError(f"{type(module).__name__}, step {self.step}", "finite losses", found, cure)
        if trainer.logger:
            trainer.logger.log_metrics(losses, self.step)
        told = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        self.progress.advance(self.step - self.progress.done, told)
        self.rows.append({"step": self.step, **losses})
        self.write()


def best_row(rows: list[dict[str, float]], monitor: str) -> dict[str, float] | None:
    """The first row of a history with the lowest validation loss; None of none."""
    return min(rows, key=lambda row: row[monitor], default=None)


def best_step(rows: list[dict[str, float]], monitor: str) -> int | None:
    """Optimizer steps up to that row."""
    best = best_row(rows, monitor)
    return int(best["step"]) if best else None


def _seed(module: Stage, *key: int) -> None:
    # The 0 was the process once; without it the same settings would give other weights than before.
    everything, noise = (int(n >> 1) for n in np.random.SeedSequence((*key, 0)).generate_state(2, np.uint64))
    torch.manual_seed(everything)
    module.noise = torch.Generator(module.device).manual_seed(noise)
