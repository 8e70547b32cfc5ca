"""What the trainings read: rows of the dataset table, volumes and latents, and the order of the batches."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from ldae.errors import UserError
from ldae.files import read_table

logger = logging.getLogger(__name__)

MEMORY_LIMIT_BYTES = 2e9  # a set of volumes below this is read once and kept
COLUMNS = ("subject", "session", "path", "latent_path", "split")


def read_dataset(path: str | Path) -> pd.DataFrame:
    """Read `dataset.csv`.

    Raises
    ------
    UserError
        The table is absent or empty, lacks a column, or has a subject on two sides of the split.
    """
    table = read_table(path, COLUMNS, dtype={"subject": str, "session": str})
    if table.empty:
        raise UserError(path, "one row a scan", "no row", "see results/tables/exclusions.csv for the reasons")
    sides = table.groupby("subject")["split"].nunique()
    torn = sides.index[sides > 1]
    if len(torn):
        raise UserError(path, "each subject in one split", f"{torn[0]} in several", "run the rule dataset again")
    return table


def fitting_rows(table: pd.DataFrame, split: str, path: str | Path = "dataset.csv") -> pd.DataFrame:
    """Rows that a model may be fitted to (`train`) or selected by (`validation`).

    Raises
    ------
    UserError
        There is no such row, or one belongs to a subject of the test split.
    """
    if split not in ("train", "validation"):
        raise ValueError(f"nothing is fitted to the split {split!r}")
    rows = table[table["split"] == split].reset_index(drop=True)
    refuse_test_subjects(rows["subject"], table, path)
    if rows.empty:
        found, cure = f"no scan in the split {split}", "add subjects, or change split.*_fraction in the configuration"
        raise UserError(path, "training and validation scans", found, cure)
    return rows


def refuse_test_subjects(subjects: Sequence[str], table: pd.DataFrame, path: str | Path = "dataset.csv") -> None:
    """Raise a `UserError` if one of `subjects` is a test subject of `table`."""
    leaked = sorted(set(subjects) & set(table.loc[table["split"] == "test", "subject"]))
    if leaked:
        found = f"{len(leaked)} of the test split, such as {leaked[0]}"
        raise UserError(path, "no test subject in anything that is fitted", found, "run the rule dataset again")


def read_image(path: str | Path) -> torch.Tensor:
    """Read a preprocessed volume: float32 (1, D, H, W), axes RAS, intensities 0..1."""
    try:
        return torch.from_numpy(nib.load(path).get_fdata(dtype=np.float32))[None]
    except (OSError, EOFError, nib.filebasedimages.ImageFileError) as error:
        raise UserError(path, "a preprocessed scan", str(error), "run the rule preprocess again") from None


def read_latent(path: str | Path) -> torch.Tensor:
    """Read a latent: the array `data` of an NPZ file, float32 (C, D, H, W), as the autoencoder gave it."""
    try:
        with np.load(path) as archive:
            return torch.from_numpy(archive["data"])
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise UserError(path, "an NPZ file with the array `data`", str(error), "run the rule latents again") from None


class Volumes(Dataset):
    """Arrays of one shape, a batch for a list of indices; kept in memory where all of them take less than 2 GB.

    Raises
    ------
    UserError
        A file cannot be read or differs in shape from the first.
    """

    def __init__(self, paths: Sequence[str], read: Callable[[str], torch.Tensor]) -> None:
        self.paths, self.read = list(paths), read
        first = read(self.paths[0])
        self.shape = first.shape
        self.in_memory = first.numel() * first.element_size() * len(self.paths) < MEMORY_LIMIT_BYTES
        self.kept = torch.stack([self._read(path) for path in self.paths]) if self.in_memory else None

    def _read(self, path: str) -> torch.Tensor:
        array = self.read(path)
        if array.shape != self.shape:
            found, expected = str(tuple(array.shape)), f"the shape of {self.paths[0]}, {tuple(self.shape)}"
            raise UserError(path, expected, found, "run the workflow again on one grid")
        return array

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, indices: Sequence[int]) -> torch.Tensor:
        if self.kept is not None:
            return self.kept[torch.as_tensor(indices)]
        return torch.stack([self._read(self.paths[i]) for i in indices])

    def mean(self) -> torch.Tensor:
        """Mean over all arrays, with a leading axis of one; read one at a time, summed in float64."""
        total = torch.zeros((1, *self.shape), dtype=torch.float64)
        for i in range(len(self)):
            total += self[[i]]
        return (total / len(self)).float()


class Aligned(Dataset):
    """Several sets whose items belong together: a tuple of batches for a list of indices."""

    def __init__(self, *parts: Volumes | Reordered) -> None:
        self.parts = parts
        self.in_memory = all(part.in_memory for part in parts)

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, indices: Sequence[int]) -> tuple[torch.Tensor, ...]:
        return tuple(part[indices] for part in self.parts)


class Reordered(Dataset):
    """Item i is item `order[i]` of another set."""

    def __init__(self, base: Volumes, order: Sequence[int]) -> None:
        self.base, self.order, self.in_memory = base, list(order), base.in_memory

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, indices: Sequence[int]) -> torch.Tensor:
        return self.base[[self.order[i] for i in indices]]


def other_subjects_scan(subjects: Sequence[str]) -> list[int]:
    """For each scan the index of one of the next subject in alphabetical order, so never of its own.

    Raises
    ------
    UserError
        All scans are of one subject.
    """
    scans: dict[str, list[int]] = {}
    for index, subject in enumerate(subjects):
        scans.setdefault(subject, []).append(index)
    order = sorted(scans)
    if len(order) < 2:
        found, cure = f"{len(order)} validation subject", "add subjects or raise split.validation_fraction"
        raise UserError("dataset.csv", "two validation subjects or more", found, cure)
    following = dict(zip(order, order[1:] + order[:1], strict=True))
    visit = {index: rank for own in scans.values() for rank, index in enumerate(own)}
    partners = [scans[following[subject]] for subject in subjects]
    return [own[visit[index] % len(own)] for index, own in enumerate(partners)]


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
