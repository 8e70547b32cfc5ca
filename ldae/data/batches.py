"""The order of batches: of a training, by (seed, step) alone; of an evaluation, as they come."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Sampler

from ldae.data.volumes import Aligned, Volumes, read_images
from ldae.progress import Progress

logger = logging.getLogger(__name__)


class StepBatchSampler(Sampler):
    """Endless passes over shuffled items, cut into epochs of `batches`; batch N depends on (seed, N) alone.

    Parameters
    ----------
    items : int
        Number of items; each pass visits each once, in an order of its own.
    batch_size : int
        Items of one batch.
    batches : int
        Batches of one epoch on one process.
    seed : int
    rank, world_size : int
        Which of how many processes that share the batches: rank r of n takes every n-th.
    done : int
        Batches that this process has had before: a resumed epoch begins after them.
    """

    def __init__(
        self, items: int, batch_size: int, batches: int, seed: int, rank: int = 0, world_size: int = 1, done: int = 0
    ) -> None:
        self.items, self.batch_size, self.batches, self.seed = items, batch_size, batches, seed
        self.rank, self.world_size, self.done = rank, world_size, done
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; called by Lightning."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.batches  # of a whole epoch: Lightning adds to a resumed one what was done of it

    def number(self, index: int) -> int:
        """Which batch of all the `index`-th of this epoch and process is."""
        return (self.epoch * self.batches + index) * self.world_size + self.rank

    def __iter__(self) -> Iterator[list[int]]:
        current, order = -1, np.empty(0, dtype=int)
        first = max(0, self.done - self.epoch * self.batches)
        for number in map(self.number, range(first, self.batches)):
            indices = []
            for position in range(number * self.batch_size, (number + 1) * self.batch_size):
                if position // self.items != current:
                    current = position // self.items
                    order = np.random.default_rng([self.seed, current]).permutation(self.items)
                indices.append(int(order[position % self.items]))
            yield indices


class InOrder(Sampler):
    """Batches of all items in their order; rank r of n takes every n-th batch.

    Processes wait for each other, so all get as many: the last ones may get one more that is not to be counted.

    Attributes
    ----------
    numbers : range
        Which batches of all these are; one beyond the last is a repetition.
    """

    def __init__(self, items: int, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        starts = range(0, items, batch_size)
        self.batches = [list(range(start, min(start + batch_size, items))) for start in starts]
        each = -(-len(self.batches) // world_size)
        self.numbers = range(rank, each * world_size, world_size)

    def counts(self, index: int) -> bool:
        """Whether the `index`-th batch of this process is no repetition."""
        return self.numbers[index] < len(self.batches)

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[list[int]]:
        return (self.batches[number % len(self.batches)] for number in self.numbers)


def make_loader(data: Volumes | Aligned, sampler: Sampler, processes: int = 1) -> DataLoader:
    """Loader whose sampler yields lists of indices; workers only where the data is not in memory.

    `processes`: those with a loader like this one, which share the cores.
    """
    workers = 0 if data.in_memory else max(1, min(8, len(os.sched_getaffinity(0)) // processes))
    return DataLoader(
        data,
        sampler=sampler,
        batch_size=None,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_leave_signals,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else the loader draws from the global one
    )


def _leave_signals(worker: int) -> None:
    """Ignore what asks all processes to end: the one that is served decides when, and needs its last batches."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def scan_batches(table: pd.DataFrame, batch_size: int, label: str) -> Iterator[tuple[pd.DataFrame, torch.Tensor]]:
    """Yield (rows, scans (B, 1, D, H, W)) of `table` in its order, logging progress and the time left."""
    progress = Progress(logger, label, len(table))
    for first in range(0, len(table), batch_size):
        rows = table.iloc[first : first + batch_size]
        yield rows, read_images(rows)
        progress.advance(len(rows))
