"""The order of batches: of a training, by (seed, step) alone; of an evaluation, as they come."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Sampler

from ldae.data.volumes import Aligned, Volumes, read_volumes
from ldae.progress import Progress

logger = logging.getLogger(__name__)


class StepBatchSampler(Sampler):
    """Endless passes over shuffled items, cut into epochs of `steps` batches; batch N depends on (seed, N) alone.

    Parameters
    ----------
    items : int
        Number of items; each pass visits each once, in an order of its own.
    batch_size : int
        Items of one batch on one process.
    batches : int
        Batches of one epoch.
    seed : int
    rank, world_size : int
        Which of how many processes that share each batch of ``batch_size * world_size`` items.
    """

    def __init__(
        self, items: int, batch_size: int, batches: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self.items, self.batch_size, self.batches, self.seed = items, batch_size, batches, seed
        self.rank, self.world_size = rank, world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; called by Lightning."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        current, order = -1, np.empty(0, dtype=int)
        for batch in range(self.epoch * self.batches, (self.epoch + 1) * self.batches):
            first = (batch * self.world_size + self.rank) * self.batch_size
            indices = []
            for position in range(first, first + self.batch_size):
                if position // self.items != current:
                    current = position // self.items
                    order = np.random.default_rng([self.seed, current]).permutation(self.items)
                indices.append(int(order[position % self.items]))
            yield indices


class InOrder(Sampler):
    """Batches of all items in their order; rank r of n takes every n-th batch."""

    def __init__(self, items: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        starts = range(rank * batch_size, items, batch_size * world_size)
        self.indices = [list(range(start, min(start + batch_size, items))) for start in starts]

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.indices)


def make_loader(data: Volumes | Aligned, sampler: Sampler) -> DataLoader:
    """Loader whose sampler yields lists of indices; worker processes only where the data is not in memory."""
    workers = 0 if data.in_memory else min(8, len(os.sched_getaffinity(0)))
    return DataLoader(
        data,
        sampler=sampler,
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else the loader draws from the global one
    )


def scan_batches(table: pd.DataFrame, batch_size: int, label: str) -> Iterator[tuple[pd.DataFrame, torch.Tensor]]:
    """Yield (rows, scans (B, 1, D, H, W)) of `table` in its order, logging progress and the time left."""
    progress = Progress(logger, label, len(table))
    for first in range(0, len(table), batch_size):
        rows = table.iloc[first : first + batch_size]
        yield rows, read_volumes(list(rows["path"]))
        progress.advance(len(rows))
