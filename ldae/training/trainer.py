"""Lightning's trainer for one stage: its devices, the moving average, and when its state is saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ldae.device import pick_devices
from ldae.precision import usable_precision
from ldae.training.checkpoints import BEST, LAST, MappedCheckpoints
from ldae.training.stage import Stage


def make_trainer(
    module: Stage, callbacks: list[L.Callback], state_dir: Path, board: TensorBoardLogger | bool
) -> L.Trainer:
    """The trainer of a stage; at each validation the best weights are chosen and the whole state is kept.

    Raises
    ------
    UserError
        The devices of the settings are not there.
    """
    settings, manual = module.settings, not module.automatic_optimization
    # Two callbacks: `save_last` of the first would save where the monitored loss has improved, and nowhere else.
    keep = [
        ModelCheckpoint(state_dir, name, monitor, enable_version_counter=False, save_on_train_epoch_end=True)
        for name, monitor in ((Path(BEST).stem, module.monitor), (Path(LAST).stem, None))
    ]
    average = [WeightAveraging(multi_avg_fn=_moving_average(settings.ema_decay))] if settings.ema_decay else []
    device = pick_devices(settings.devices)
    return L.Trainer(
        accelerator=device,
        devices=settings.devices,
        # Buffers are constants, and statistics that no network is judged by: each process may have its own.
        strategy=DDPStrategy(find_unused_parameters=True, forward_sync_buffers=False)
        if settings.devices > 1
        else "auto",
        # A Slurm job starts one task; Lightning starts one process per device.
        plugins=[LightningEnvironment(), MappedCheckpoints()],
        precision=usable_precision(settings.precision, device),
        max_epochs=settings.steps // settings.validate_every_steps,
        accumulate_grad_batches=1 if manual else settings.passes,
        gradient_clip_val=None if manual else settings.gradient_clip or None,
        callbacks=[*callbacks, *keep, *average, Release()],
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        logger=board,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        benchmark=device == "cuda",
    )


class Release(L.Callback):
    """Lets go of the optimizers at the end, where Lightning would bring their state from the GPU to the host."""

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Forget them."""
        trainer.optimizers = []


def _moving_average(decay: float) -> Callable:
    average = get_ema_multi_avg_fn(decay)

    def update(averaged: list[torch.Tensor], current: list[torch.Tensor], count: torch.Tensor) -> None:
        if averaged[0].is_floating_point():
            average(averaged, current, count)
        else:  # counters, such as BatchNorm's
            torch._foreach_copy_(averaged, current)

    return update
