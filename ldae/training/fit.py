"""One fit function for every stage; a killed training, run again, gives the result of an uninterrupted one.

The randomness of a step depends on (seed, step) alone: the batch sampler, torch's global generator (dropout, the
autoencoder's sampling) and the generator for the diffusion's noise are set anew at each step. An epoch is
`validate_every_steps` optimizer steps; at its end the whole state is saved.
"""

from __future__ import annotations

import logging
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch.utils.data import DataLoader

from ldae.config.training import TrainingConfig
from ldae.data.batches import InOrder, StepBatchSampler, make_loader
from ldae.data.volumes import Aligned, Volumes
from ldae.errors import UserError
from ldae.models.checkpointing import checkpoint_activations
from ldae.training.checkpoints import BEST, LAST, load_mapped
from ldae.training.compilation import compile_networks
from ldae.training.course import Course
from ldae.training.overflows import REPEATED, Overflows
from ldae.training.sound_gradients import convolve_soundly
from ldae.training.stage import Stage
from ldae.training.state import TrainingJob, is_main_process, origin, training_state, usable_state
from ldae.training.trainer import make_trainer
from ldae.weights import save_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """Result of a training.

    Attributes
    ----------
    state : dict
        The best weights of the module, mapped from the disk.
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
        A loss is not finite, a step does not fit the GPU, the devices are not there, or the state belongs to another
        training.
    SystemExit
        After SIGTERM, such as a cluster's at its time limit; its code is not that of success.
    """
    settings, state_dir = module.settings, Path(state_dir)
    if settings.activation_checkpointing:
        checkpoint_activations(module)
    course = Course(seed, history_path, state_dir.name, code)
    stop = EarlyStopping(module.monitor, patience=settings.patience, check_finite=False)
    last, ended = _take_up(course, stop, module, state_dir)
    if not ended:
        loaders = Loaders(train, validation, settings, seed)
        board = _tensorboard(tensorboard_dir, anew=last is None)
        trainer = make_trainer(module, [course, stop, Overflows()], state_dir, board)
        if trainer.strategy.root_device.type == "cpu" and "bf16" in trainer.precision:
            convolve_soundly(module)
        if settings.compile:
            compile_networks(module, trainer.strategy.root_device)
        try:
            trainer.fit(module, datamodule=loaders, ckpt_path=last, weights_only=True)
        except SIGTERMException:  # whose own exit code is that of success
            message = "%s: stopped by SIGTERM; the same command goes on after step %d, the last validation"
            logger.error(message, course.history.stem, course.step)
            raise SystemExit(128 + signal.SIGTERM) from None
        except torch.OutOfMemoryError as error:
            found = f"{error}".split("\n")[0][:300] + f"; unless another program fills it, {REPEATED}"
            cure = "a smaller training.batch_size and as many times more accumulate keep the scans per step"
            raise UserError(course.history.stem, "a step that fits the memory of the GPU", found, cure) from None
    if course.step < settings.steps:
        logger.info("%s: stopped early, after %d steps", course.history.stem, course.step)
    course.write()
    best = load_mapped(state_dir / BEST)["state_dict"]
    return Fitted(best, course.step, course.best(module.monitor), course.codes)


def _take_up(course: Course, stop: EarlyStopping, module: Stage, state_dir: Path) -> tuple[Path | None, bool]:
    """The state to go on from, if there is one, whose history `course` takes over; and whether that is the end."""
    state = usable_state(state_dir, module.state_dict(), (course.state_key, stop.state_key))
    if state is None:
        return None, False
    course.load_state_dict(state[course.state_key])
    waited = state[stop.state_key]["wait_count"]
    return state_dir / LAST, course.step >= module.settings.steps or waited >= module.settings.patience


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
        if is_main_process():
            stage.load_state_dict(result.state)
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
        batches = self.settings.validate_every_steps * self.settings.passes
        return make_loader(self.train, StepBatchSampler(len(self.train), size, batches, self.seed, *world), world[1])

    def val_dataloader(self) -> DataLoader:
        """Every validation item once."""
        world = (self.trainer.global_rank, self.trainer.world_size)
        return make_loader(self.validation, InOrder(len(self.validation), self.settings.batch_size, *world), world[1])


def _tensorboard(folder: str | Path | None, anew: bool) -> TensorBoardLogger | bool:
    """The logger that writes into `folder`; a training that starts anew removes what another left there."""
    if folder is None:
        return False
    if anew and is_main_process():
        shutil.rmtree(folder, ignore_errors=True)
    return TensorBoardLogger(folder, name=None, version="")
