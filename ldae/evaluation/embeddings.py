"""Semantic codes of all scans, one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ldae.errors import UserError
from ldae.evaluation.scans import scan_batches
from ldae.files import atomic_path

COLUMNS = ("subject", "session", "diagnosis", "age", "split")


@dataclass(frozen=True)
class Embeddings:
    """`y_sem` (scans, semantic_dim) float32 and, row by row, `table` with subject, session, diagnosis, age, split."""

    y_sem: np.ndarray
    table: pd.DataFrame

    def select(self, rows: np.ndarray) -> Embeddings:
        """The scans where the boolean array `rows` is true."""
        return Embeddings(self.y_sem[rows], self.table[rows].reset_index(drop=True))


def extract_embeddings(ldae, dataset: pd.DataFrame, batch_size: int) -> Embeddings:
    """Encode every scan of `dataset` (all splits) with the semantic encoder.

    Raises
    ------
    UserError
        A code is not finite.
    """
    batches = scan_batches(dataset, batch_size, "embeddings")
    y_sem = np.concatenate([ldae.encode_semantic(scans).float().cpu().numpy() for _, scans in batches])
    bad = ~np.isfinite(y_sem).all(1)
    if bad.any():
        cure = "look at results/training/representation.csv and train the representation again"
        raise UserError(dataset["path"][bad].iloc[0], "a finite y_sem", "NaN or infinity", cure)
    return Embeddings(y_sem, dataset[list(COLUMNS)].reset_index(drop=True))


def write_embeddings(path: str | Path, embeddings: Embeddings) -> None:
    """Write an NPZ with the arrays y_sem, subject, session, diagnosis, age and split; no pickles."""
    table = embeddings.table
    columns = {name: table[name].to_numpy(dtype=float if name == "age" else str) for name in COLUMNS}
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, y_sem=embeddings.y_sem.astype(np.float32), **columns)


def read_embeddings(path: str | Path) -> Embeddings:
    """Read what `write_embeddings` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return Embeddings(arrays["y_sem"], pd.DataFrame({name: arrays[name] for name in COLUMNS}))
