"""What a training trains: a LightningModule with the schedule of its learning rate, and networks it only uses."""

from __future__ import annotations

from functools import partial
from typing import Any, Generic, TypeVar

import lightning as L
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from ldae.config.training import TrainingConfig
from ldae.training.means import Means

VALIDATION_DRAWS = 4  # noise levels and noises at which each validation scan is judged

Network = TypeVar("Network", bound=nn.Module)


class Frozen(Generic[Network]):
    """A network that is used and never trained.

    It is in eval mode, without gradients, and no part of the owning module's parameters, saved state or averaged copy.
    """

    def __init__(self, network: Network) -> None:
        self.network = network.eval().requires_grad_(False)

    def to(self, device: torch.device) -> Network:
        """Move the network and return it."""
        return self.network.to(device)

    def __deepcopy__(self, memo: dict) -> Frozen[Network]:
        return self


class Stage(L.LightningModule):
    """A LightningModule that `fit` trains.

    Parameters
    ----------
    settings : TrainingConfig
        Steps, batches and the course of the learning rate.

    Attributes
    ----------
    monitor : str
        The logged validation loss that chooses the best weights and stops early.
    noise : torch.Generator
        Set anew for every training step (by seed and step) and validation batch (the same at each validation).
    step : int
        Optimizer steps taken before this training batch.
    means : Means
        The training losses since the last validation.
    counts : bool
        Whether this batch's losses count; a validation batch that another process has, too, does not.
    leaves_out_overflows : bool
        Whether a gradient scaler leaves out the steps in which 16-bit floats overflow.
    """

    monitor = "val_loss"
    counts = True
    leaves_out_overflows = False
    noise: torch.Generator
    step: int
    means: Means

    def __init__(self, settings: TrainingConfig) -> None:
        super().__init__()
        self.settings = settings

    def track(self, prefix: str, losses: dict[str, torch.Tensor], scans: int) -> None:
        """Record means over the epoch and all devices, as ``<prefix>_<name>``; they become the row of the history."""
        named = {f"{prefix}_{name}": value.detach() for name, value in losses.items()}
        counts = self.counts
        if prefix == "train" and self.leaves_out_overflows and not torch.stack([*named.values()]).isfinite().all():
            named, counts = {name: torch.zeros_like(value) for name, value in named.items()}, False
        # Lightning takes the mean of this over devices, and that of integers is cut to one.
        weight: Any = float(scans * counts)
        if prefix == "train":
            self.means.add(named, weight)
        else:
            self.log_dict(named, batch_size=weight, on_step=False, on_epoch=True, logger=False, sync_dist=True)

    def ends_step(self, batch_idx: int) -> bool:
        """Whether an optimizer step is taken in this training batch: it is the last part of one."""
        return (batch_idx + 1) % self.settings.passes == 0

    def scheduled(self, *optimizers: torch.optim.Optimizer) -> tuple[list[torch.optim.Optimizer], list[dict]]:
        """What `configure_optimizers` returns: each optimizer, its learning rate set at every step by one factor.

        A step is one kernel (fused); set here, not as the optimizer is made, it goes together with clipping in 16 bits.
        """
        for group in (group for each in optimizers for group in each.param_groups):
            group["fused"] = True
        factor = partial(learning_rate_factor, self.settings)
        return list(optimizers), [{"scheduler": LambdaLR(each, factor), "interval": "step"} for each in optimizers]


def learning_rate_factor(settings: TrainingConfig, step: int) -> float:
    """Share of the learning rate at a step: a linear warm-up, a plateau, a linear fall to zero after the last step."""
    rise = (step + 1) / max(1, settings.warmup_steps)
    fall = (settings.steps - step) / max(1.0, settings.cooldown_fraction * settings.steps)
    return min(1.0, rise, fall)
