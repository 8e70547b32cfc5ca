"""One fit function for every stage; a killed training, run again, gives the result of an uninterrupted one.

The randomness of a step depends on (seed, step) alone: the batch sampler, torch's global generator (dropout, the
autoencoder's sampling) and the generator for the diffusion's noise are set anew at each step. An epoch is
`validate_every_steps` optimizer steps; at its end the whole state is saved.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, WeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from ldae.config.models import TrainingConfig
from ldae.data.batches import InOrder, StepBatchSampler, make_loader
from ldae.data.volumes import Aligned, Volumes
from ldae.device import pick_device
from ldae.models.checkpointing import checkpoint_activations
from ldae.training.course import Course
from ldae.training.stage import Stage
from ldae.training.state import BEST, LAST, TrainingJob, is_main_process, origin, training_state, usable_state
from ldae.weights import save_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """Result of a training.

    Attributes
    ----------
    state : dict
        The best weights of the module.
    steps : int
        Optimizer steps taken.
    best : dict
        The history's row where the best weights were reached.
    codes : list of dict
        Each hash of the code that trained (`code`), and after how many steps it began (`from_step`).
    """

    state: dict[str, torch.Tensor]
    steps: int
    best: dict[str, float]
    codes: list[dict[str, int | str]]


def fit(
    module: Stage,
    train: Volumes | Aligned,
    validation: Volumes | Aligned,
    *,
    seed: int,
    state_dir: str | Path,
    history_path: str | Path,
    tensorboard_dir: str | Path | None = None,
    code: str = "",
) -> Fitted:
    """Train `module` by its settings, continuing from the state in `state_dir` if there is one that fits.

    Parameters
    ----------
    train, validation
        Sets that give a batch for a list of indices.
    history_path : path
        Table to write: step, train_*, val_*, one row per validation.
    tensorboard_dir : path, optional
        Folder for TensorBoard's event files with the same numbers.
    code : str
        Hash of the code that trains.

    Returns
    -------
    Fitted
        Weights of the lowest validation loss, averaged (EMA) ones if `ema_decay` > 0.

    Raises
    ------
    UserError
        A loss is not finite, or the state belongs to another training.
    """
    settings, state_dir = module.settings, Path(state_dir)
    if settings.activation_checkpointing:
        checkpoint_activations(module)
    course = Course(seed, history_path, state_dir.name, code)
    stop = EarlyStopping(module.monitor, patience=settings.patience, check_finite=False)
    state = usable_state(state_dir, module.state_dict(), (course.state_key, stop.state_key))
    ended = False
    if state:
        course.load_state_dict(state["callbacks"][course.state_key])
        waited = state["callbacks"][stop.state_key]["wait_count"]
        ended = course.step >= settings.steps or waited >= settings.patience
    if not ended:
        loaders = Loaders(train, validation, settings, seed)
        last = state_dir / LAST if state else None
        board = _tensorboard(tensorboard_dir, anew=state is None)
        trainer = _make_trainer(module, [course, stop], state_dir, board)
        trainer.fit(module, datamodule=loaders, ckpt_path=last, weights_only=True)
    if course.step < settings.steps:
        logger.info("%s: stopped early, after %d steps", course.history.stem, course.step)
    course.write()
    best = torch.load(state_dir / BEST, map_location="cpu", weights_only=True)["state_dict"]
    return Fitted(best, course.step, course.best(module.monitor), course.codes)


def fit_and_save(
    job: TrainingJob,
    run: dict,
    build: Callable[[], Stage],
    network: str,
    train: Volumes | Aligned,
    validation: Volumes | Aligned,
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
        result = fit(
            stage,
            train,
            validation,
            seed=job.seed,
            state_dir=state_dir,
            history_path=job.history,
            tensorboard_dir=job.tensorboard_dir,
            code=job.code,
        )
        stage.load_state_dict(result.state)
        if is_main_process():
            sidecar = {**run, **origin(), "code": result.codes, "steps": result.steps, "best": result.best}
            save_weights(getattr(stage, network), job.output, sidecar)


class Loaders(L.LightningDataModule):
    """Training batches by (seed, step), validation batches in order."""

    trainer: L.Trainer

    def __init__(
        self, train: Volumes | Aligned, validation: Volumes | Aligned, settings: TrainingConfig, seed: int
    ) -> None:
        super().__init__()
        self.train, self.validation, self.settings, self.seed = train, validation, settings, seed

    def train_dataloader(self) -> DataLoader:
        """Endless; one epoch lasts until the next validation."""
        size, world = self.settings.batch_size, (self.trainer.global_rank, self.trainer.world_size)
        batches = self.settings.validate_every_steps * self.settings.accumulate
        return make_loader(self.train, StepBatchSampler(len(self.train), size, batches, self.seed, *world))

    def val_dataloader(self) -> DataLoader:
        """Every validation item once."""
        world = (self.trainer.global_rank, self.trainer.world_size)
        return make_loader(self.validation, InOrder(len(self.validation), self.settings.batch_size, *world))


def _make_trainer(
    module: Stage, callbacks: list[L.Callback], state_dir: Path, board: TensorBoardLogger | bool
) -> L.Trainer:
    """Lightning's trainer; the best state is chosen, and the last one kept, at each validation."""
    settings, manual = module.settings, not module.automatic_optimization
    # Two callbacks: `save_last` of the first would save where the monitored loss has improved, and nowhere else.
    keep = [
        ModelCheckpoint(state_dir, name, monitor, enable_version_counter=False, save_on_train_epoch_end=True)
        for name, monitor in ((Path(BEST).stem, module.monitor), (Path(LAST).stem, None))
    ]
    average = [WeightAveraging(multi_avg_fn=_moving_average(settings.ema_decay))] if settings.ema_decay else []
    return L.Trainer(
        accelerator=pick_device(),
        devices="auto",
        strategy="ddp_find_unused_parameters_true" if torch.cuda.device_count() > 1 else "auto",
        plugins=[LightningEnvironment()],  # a Slurm job starts one task; Lightning starts one process per device
        precision=settings.precision,
        max_epochs=settings.steps // settings.validate_every_steps,
        accumulate_grad_batches=1 if manual else settings.accumulate,
        gradient_clip_val=None if manual else settings.gradient_clip or None,
        callbacks=[*callbacks, *keep, *average],
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        logger=board,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        benchmark=torch.cuda.is_available(),
    )


def _tensorboard(folder: str | Path | None, anew: bool) -> TensorBoardLogger | bool:
    """The logger that writes into `folder`; a training that starts anew removes what another left there."""
    if folder is None:
        return False
    if anew and is_main_process():
        shutil.rmtree(folder, ignore_errors=True)
    return TensorBoardLogger(folder, name=None, version="")


def _moving_average(decay: float) -> Callable:
    average = get_ema_multi_avg_fn(decay)

    def update(averaged: list[torch.Tensor], current: list[torch.Tensor], count: torch.Tensor) -> None:
        if averaged[0].is_floating_point():
            average(averaged, current, count)
        else:  # counters, such as BatchNorm's
            torch._foreach_copy_(averaged, current)

    return update
