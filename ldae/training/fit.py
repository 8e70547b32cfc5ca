"""One fit function for every stage; a killed training, run again, gives the result of an uninterrupted one.

The randomness of a step depends on (seed, step) alone: the batch sampler, torch's global generator (dropout, the
autoencoder's sampling) and the generator for the diffusion's noise are set anew at each step. An epoch is
`validate_every_steps` optimizer steps; at its end the whole state is saved.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from ldae.config.models import TrainingConfig
from ldae.data.batches import InOrder, StepBatchSampler, make_loader
from ldae.data.volumes import Aligned, Volumes
from ldae.errors import UserError
from ldae.files import write_table
from ldae.models.weights import save_weights
from ldae.training.state import Job, is_main_process, origin, training_state

logger = logging.getLogger(__name__)


class Frozen:
    """A network that is used and never trained.

    It is in eval mode, without gradients, and no part of the owning module's parameters, saved state or averaged copy.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network.eval().requires_grad_(False)

    def to(self, device: torch.device) -> nn.Module:
        """Move the network and return it."""
        return self.network.to(device)

    def __deepcopy__(self, memo: dict) -> Frozen:
        return self


class Stage(L.LightningModule):
    """A LightningModule that `fit` trains.

    Attributes
    ----------
    monitor : str
        The logged validation loss that chooses the best weights and stops early.
    noise : torch.Generator
        Set anew for every training step (by seed and step) and validation batch (the same at each validation).
    step : int
        Optimizer steps taken before this training batch.
    """

    monitor = "val_loss"
    noise: torch.Generator
    step: int

    def track(self, prefix: str, losses: dict[str, torch.Tensor], scans: int) -> None:
        """Log means over the epoch, as ``<prefix>_<name>``."""
        named = {f"{prefix}_{name}": value.detach() for name, value in losses.items()}
        self.log_dict(named, on_step=False, on_epoch=True, batch_size=scans, sync_dist=prefix == "val")


@dataclass(frozen=True)
class Fitted:
    """Result of a training: the best weights of the module, and the history's row where they were reached."""

    state: dict[str, torch.Tensor]
    steps: int
    best: dict[str, float]


def fit(
    module: Stage,
    train: Volumes | Aligned,
    validation: Volumes | Aligned,
    training: TrainingConfig,
    *,
    seed: int,
    state_dir: str | Path,
    history_path: str | Path,
) -> Fitted:
    """Train `module`, continuing from the state in `state_dir` if there is one.

    Parameters
    ----------
    train, validation
        Sets that give a batch for a list of indices.
    history_path : path
        Table to write: step, train_*, val_*, one row a validation.

    Returns
    -------
    Fitted
        Weights of the lowest validation loss, averaged (EMA) ones if `training.ema_decay` > 0.

    Raises
    ------
    UserError
        A loss is not finite, or the state belongs to another training.
    """
    state_dir = Path(state_dir)
    course = Course(training, seed, Path(history_path), module.monitor, state_dir.name)
    manual = not module.automatic_optimization
    keep = ModelCheckpoint(
        state_dir, "best", module.monitor, save_last=True, enable_version_counter=False, save_on_train_epoch_end=True
    )
    ema = WeightAveraging(multi_avg_fn=_moving_average(training.ema_decay)) if training.ema_decay else None
    trainer = L.Trainer(
        accelerator="auto",
        devices="auto",
        strategy="ddp_find_unused_parameters_true" if torch.cuda.device_count() > 1 else "auto",
        plugins=[LightningEnvironment()],  # a Slurm job starts one task; Lightning starts a process a device
        precision=training.precision,
        max_epochs=training.steps // training.validate_every_steps,
        accumulate_grad_batches=1 if manual else training.accumulate,
        gradient_clip_val=None if manual else training.gradient_clip or None,
        callbacks=[course, keep] + ([ema] if ema else []),
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        benchmark=torch.cuda.is_available(),
    )
    last = state_dir / "last.ckpt"
    if not course.finished(last):
        loaders = Loaders(train, validation, training, seed)
        trainer.fit(module, datamodule=loaders, ckpt_path=last if last.exists() else None, weights_only=True)
    course.write()
    best = torch.load(state_dir / "best.ckpt", map_location="cpu", weights_only=True)["state_dict"]
    return Fitted(best, int(course.rows[-1]["step"]), course.best())


def fit_and_save(
    job: Job,
    run: dict,
    build: Callable[[], Stage],
    network: str,
    train: Volumes | Aligned,
    validation: Volumes | Aligned,
    training: TrainingConfig,
) -> None:
    """`fit` the stage that `build` makes and save its part `network` with `run`, the stage's description, beside it.

    Raises
    ------
    UserError
        As `fit`, and where another process is training this stage.
    """
    with training_state(job.checkpoint_dir, run) as state_dir:
        torch.manual_seed(job.seed)
        stage = build()
        places = {"state_dir": state_dir, "history_path": job.history}
        result = fit(stage, train, validation, training, seed=job.seed, **places)
        stage.load_state_dict(result.state)
        if is_main_process():
            sidecar = {**run, **origin(), "steps": result.steps, "best": result.best}
            save_weights(getattr(stage, network), job.output, sidecar)


class Loaders(L.LightningDataModule):
    """Training batches by (seed, step), validation batches in order."""

    def __init__(
        self, train: Volumes | Aligned, validation: Volumes | Aligned, training: TrainingConfig, seed: int
    ) -> None:
        super().__init__()
        self.train, self.validation, self.training, self.seed = train, validation, training, seed

    def train_dataloader(self) -> DataLoader:
        """Endless; one epoch lasts until the next validation."""
        plan, world = self.training, (self.trainer.global_rank, self.trainer.world_size)
        batches = plan.validate_every_steps * plan.accumulate
        return make_loader(self.train, StepBatchSampler(len(self.train), plan.batch_size, batches, self.seed, *world))

    def val_dataloader(self) -> DataLoader:
        """Every validation item once."""
        world = (self.trainer.global_rank, self.trainer.world_size)
        return make_loader(self.validation, InOrder(len(self.validation), self.training.batch_size, *world))


class Course(L.Callback):
    """Randomness and learning rate of each step; history, progress and early stopping at each validation."""

    def __init__(self, training: TrainingConfig, seed: int, history: Path, monitor: str, run: str) -> None:
        self.training, self.seed, self.history, self.monitor, self.run = training, seed, history, monitor, run
        self.rows: list[dict[str, float]] = []
        self.started_at, self.started_with = 0.0, 0

    def state_dict(self) -> dict:
        return {"rows": self.rows, "run": self.run}

    def load_state_dict(self, state: dict) -> None:
        if state["run"] != self.run:
            found = f"the state of training {state['run']}"
            raise UserError(self.run, "a checkpoint of this configuration", found, "delete the checkpoint folder")
        self.rows = state["rows"]

    def finished(self, checkpoint: Path) -> bool:
        """Whether `checkpoint` is the state of a training that had come to its end; takes over its history."""
        if checkpoint.exists():
            state = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
            self.load_state_dict(state["callbacks"][self.state_key])
            logger.info("%s: the training continues after step %d", self.history.stem, self.rows[-1]["step"])
        return bool(self.rows) and (self.rows[-1]["step"] >= self.training.steps or self.stale())

    def best(self) -> dict[str, float]:
        """The history's row of the lowest validation loss."""
        return min(self.rows, key=lambda row: row[self.monitor])

    def stale(self) -> bool:
        """Whether the last `patience` validations brought no improvement."""
        return len(self.rows) - 1 - self.rows.index(self.best()) >= self.training.patience

    def write(self) -> None:
        """Write the history."""
        if is_main_process():
            names = sorted({name for row in self.rows for name in row} - {"step"})
            write_table(self.history, pd.DataFrame(self.rows, columns=["step", *names]))

    def on_train_start(self, trainer: L.Trainer, module: Stage) -> None:
        self.started_at, self.started_with = time.monotonic(), len(self.rows)

    def on_train_batch_start(self, trainer: L.Trainer, module: Stage, batch: object, batch_idx: int) -> None:
        sampler = trainer.train_dataloader.sampler
        step, part = divmod(sampler.epoch * sampler.batches + batch_idx, self.training.accumulate)
        module.step = step
        _seed(module, self.seed, 0, step, part, trainer.global_rank)
        for optimizer in trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * learning_rate_factor(self.training, step)

    def on_validation_batch_start(
        self, trainer: L.Trainer, module: Stage, batch: object, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        _seed(module, self.seed, 1, batch_idx, 0, trainer.global_rank)

    def on_train_epoch_end(self, trainer: L.Trainer, module: Stage) -> None:
        step = (len(self.rows) + 1) * self.training.validate_every_steps
        losses = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        wrong = [name for name, value in losses.items() if not math.isfinite(value)]
        if wrong:
            cure = "lower its learning_rate or use precision 32-true"
            raise UserError(f"{type(module).__name__}, step {step}", "finite losses", f"{wrong[0]} = nan or inf", cure)
        self.rows.append({"step": step, **losses})
        self.write()
        trainer.should_stop = self.stale()
        pace_min = (time.monotonic() - self.started_at) / (len(self.rows) - self.started_with) / 60
        left = 0 if trainer.should_stop else trainer.max_epochs - len(self.rows)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
        report = "%s: step %d of %d: %s; about %.1f min left"
        logger.info(report, self.history.stem, step, self.training.steps, shown, pace_min * left)


def learning_rate_factor(training: TrainingConfig, step: int) -> float:
    """Share of the learning rate at a step: a linear warm-up, a plateau, a linear fall to zero after the last step."""
    rise = (step + 1) / max(1, training.warmup_steps)
    fall = (training.steps - step) / max(1.0, training.cooldown_fraction * training.steps)
    return min(1.0, rise, fall)


def _seed(module: Stage, *key: int) -> None:
    everything, noise = (int(n >> 1) for n in np.random.SeedSequence(key).generate_state(2, np.uint64))
    torch.manual_seed(everything)
    module.noise = torch.Generator(module.device).manual_seed(noise)


def _moving_average(decay: float) -> Callable:
    average = get_ema_multi_avg_fn(decay)

    def update(averaged: list[torch.Tensor], current: list[torch.Tensor], count: torch.Tensor) -> None:
        if averaged[0].is_floating_point():
            average(averaged, current, count)
        else:  # counters, such as BatchNorm's
            torch._foreach_copy_(averaged, current)

    return update
