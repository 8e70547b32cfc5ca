"""What an encoder makes of every scan: a row of numbers each, one file an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.data.batches import scan_batches
from ldae.errors import UserError
from ldae.files import atomic_path

TEXT, NUMBERS = ("subject", "session", "diagnosis", "sex", "split"), ("age", "months")
COLUMNS = (*TEXT, *NUMBERS)


@dataclass(frozen=True)
class Embeddings:
    """`features` (scans, dim), `names` (dim,) of its columns, and, row by row, `table` with the columns `COLUMNS`.

    `fitted_to`: subjects to whose scans the transformation was fitted when the features were made, a PCA say; a trained
    encoder tells by its own weights.
    """

    features: np.ndarray
    table: pd.DataFrame
    names: tuple[str, ...] = ()
    fitted_to: tuple[str, ...] = ()

    def select(self, rows: np.ndarray) -> Embeddings:
        """The scans where the boolean array `rows` is true."""
        return replace(self, features=self.features[rows], table=self.table[rows].reset_index(drop=True))

    def without(self, name: str) -> Embeddings:
        """All features but the one of this name."""
        kept = [other != name for other in self.names]
        return replace(self, features=self.features[:, kept], names=tuple(np.array(self.names)[kept].tolist()))


def extract_embeddings(
    encode: Callable[[torch.Tensor], torch.Tensor], dataset: pd.DataFrame, batch_size: int, label: str
) -> Embeddings:
    """What `encode` makes of every scan of `dataset` (all splits).

    Parameters
    ----------
    encode : function
        Scans (B, 1, D, H, W) to codes (B, dim), without gradients.
    dataset, batch_size, label : DataFrame, int, str
        The dataset table, scans a batch, and what the log calls the encoder.

    Raises
    ------
    UserError
        A code is not finite.
    """
    batches = scan_batches(dataset, batch_size, label)
    codes = np.concatenate([encode(scans).float().cpu().numpy() for _, scans in batches])
    bad = ~np.isfinite(codes).all(1)
    if bad.any():
        cure = "look at the training curves of the encoder and train it again"
        raise UserError(dataset["path"][bad].iloc[0], "a finite code", "NaN or infinity", cure)
    return name_features(codes, dataset, "y_sem")


def name_features(features: np.ndarray, dataset: pd.DataFrame, stem: str) -> Embeddings:
    """Embeddings whose columns are called ``stem_0``, ``stem_1``, …"""
    names = tuple(f"{stem}_{number}" for number in range(features.shape[1]))
    return Embeddings(features, dataset[list(COLUMNS)].reset_index(drop=True), names)


def write_embeddings(path: str | Path, embeddings: Embeddings) -> None:
    """Write an NPZ with the arrays features (float32), names, fitted_to and the columns `COLUMNS`; no pickles."""
    columns = {name: embeddings.table[name].to_numpy(dtype=str if name in TEXT else float) for name in COLUMNS}
    arrays = {"features": embeddings.features.astype(np.float32)}
    arrays |= {name: np.array(getattr(embeddings, name), dtype=str) for name in ("names", "fitted_to")}
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays, **columns)


def read_embeddings(path: str | Path) -> Embeddings:
    """Read what `write_embeddings` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        table = pd.DataFrame({name: arrays[name] for name in COLUMNS})
        return Embeddings(
            arrays["features"], table, tuple(arrays["names"].tolist()), tuple(arrays["fitted_to"].tolist())
        )
