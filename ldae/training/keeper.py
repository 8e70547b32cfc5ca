"""When the state of a training is saved, and how it ends where it is asked to."""

from __future__ import annotations

import logging
import signal
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint, WeightAveraging

from ldae.training.checkpoints import BEST, KEPT, STATE, checkpoint_path, saved_steps
from ldae.training.course import Course, best_step
from ldae.training.stage import Stage
from ldae.training.state import is_main_process

logger = logging.getLogger(__name__)

ENDS = (signal.SIGTERM, signal.SIGINT)  # a cluster's time limit; Ctrl-C


class Keeper(Checkpoint):
    """Saves the whole state at each validation, every so many minutes, and when a signal asks for the end; then ends.

    It saves between optimizer steps alone. (Lightning's `ModelCheckpoint` also saves between the parts of one, has no
    interval in minutes for manual optimization, and forgets which weights are the best once the folder is moved; from a
    state that it saved after an epoch's last step, Lightning goes on without the validation.)

    Parameters
    ----------
    folder : path
        Where the states lie.
    course : Course
        Whose history tells which weights are the best.
    minutes : float
        Time between two states within an epoch.
    """

    saved_at: float

    def __init__(self, folder: Path, course: Course, minutes: float) -> None:
        self.folder, self.course, self.minutes = folder, course, minutes
        self.signal: signal.Signals | None = None

    def on_train_start(self, trainer: L.Trainer, module: Stage) -> None:  # type: ignore[override]
        """Note signals from here on; Lightning puts the handlers from before back at its end."""
        self.saved_at = time.monotonic()
        if trainer.received_sigterm:
            self.signal = signal.SIGTERM
        for number in ENDS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # a job in the background does not hear Ctrl-C
                signal.signal(number, self._note)

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: L.Trainer, module: Stage, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After an optimizer step, save where it is time or the end."""
        if not module.ends_step(batch_idx):
            return
        asked = self._asked(trainer)
        due = time.monotonic() - self.saved_at >= 60 * self.minutes
        if asked or trainer.strategy.reduce_boolean_decision(due, all=False):
            self._save(trainer, module)
        if asked:
            self._end()

    def on_validation_batch_start(  # type: ignore[override]
        self, trainer: L.Trainer, module: Stage, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Where it is the end, save as before the validation, which the resumed training repeats."""
        if not self._asked(trainer):
            return
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, WeightAveraging):  # which has put the averaged weights in the place of the others
                callback.on_validation_epoch_end(trainer, module)
        self._save(trainer, module)
        self._end()

    def on_train_epoch_end(self, trainer: L.Trainer, module: Stage) -> None:  # type: ignore[override]
        """After a validation, save the state, and before it the weights if they are the best so far."""
        if best_step(self.course.rows, module.monitor) == self.course.step:
            trainer.save_checkpoint(checkpoint_path(self.folder, BEST, self.course.step))
        self._save(trainer, module)
        if self._asked(trainer):
            self._end()

    def on_load_checkpoint(self, trainer: L.Trainer, module: Stage, checkpoint: dict) -> None:  # type: ignore[override]
        """Tell Lightning's loops, of a state within an epoch, how many batches of it are done, on as many devices."""
        steps = self.course.step - len(self.course.rows) * module.settings.validate_every_steps
        if not steps:
            return
        validates = steps == module.settings.validate_every_steps
        done = dict.fromkeys(("ready", "started", "processed", "completed"), steps * module.settings.passes)
        loops = checkpoint["loops"]["fit_loop"]
        loops["epoch_loop.batch_progress"] = {"total": done, "current": done, "is_last_batch": validates}
        if validates:  # as where it was interrupted in its first batch; else it would be left out
            before = dict.fromkeys(done, 0)
            first = before | {"ready": 1, "started": 1}
            loops["epoch_loop.val_loop.batch_progress"] = {"total": first, "current": before, "is_last_batch": False}

    def _note(self, number: int, frame: object) -> None:
        self.signal = signal.Signals(number)

    def _asked(self, trainer: L.Trainer) -> bool:
        """Whether any of the processes is asked to end; all must ask."""
        return trainer.strategy.reduce_boolean_decision(self.signal is not None, all=False)

    def _save(self, trainer: L.Trainer, module: Stage) -> None:
        trainer.save_checkpoint(checkpoint_path(self.folder, STATE, self.course.step))
        self.saved_at = time.monotonic()
        if is_main_process():
            self._remove_old(module.monitor)

    def _remove_old(self, monitor: str) -> None:
        """Keep the last states and the weights that were the best at each of them."""
        kept = saved_steps(self.folder, STATE)[:KEPT]
        until = ([row for row in self.course.rows if row["step"] <= step] for step in kept)
        needed: dict[str, set] = {STATE: set(kept), BEST: {best_step(rows, monitor) for rows in until}}
        for kind, steps in needed.items():
            for step in set(saved_steps(self.folder, kind)) - steps:
                checkpoint_path(self.folder, kind, step).unlink()

    def _end(self) -> None:
        number = self.signal or signal.SIGTERM
        message = "%s: stopped by %s; its state is saved, and the same command goes on after step %d"
        logger.error(message, self.course.history.stem, number.name, self.course.step)
        raise SystemExit(128 + number)
