"""What an encoder makes of every scan: a row of numbers per scan, one file per encoder, no labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.data.batches import scan_batches
from ldae.errors import UserError
from ldae.evaluation.arrays import MAKE_AGAIN, read_arrays, write_arrays

EMBEDDING_COLUMNS = ("subject", "session", "split")


@dataclass(frozen=True)
class Embeddings:
    """`features` (scans, dim), `names` (dim,) of its columns, and, row by row, `table`.

    `table` holds `EMBEDDING_COLUMNS`; labels stand there only once `ldae.data.labels.join_labels` has put them there.
    `fitted_to`: subjects to whose scans the transformation was fitted when the features were made, a PCA say; a trained
    encoder tells by its own weights. `weights_sha256`: of the file of these, empty where there is none. `nested`: the
    features are components of falling variance, all in one unit; a probe takes the first few of them and keeps their
    relative scale.
    """

    features: np.ndarray
    table: pd.DataFrame
    names: tuple[str, ...] = ()
    fitted_to: tuple[str, ...] = ()
    nested: bool = False
    weights_sha256: str = ""

    def select(self, rows: np.ndarray) -> Embeddings:
        """The scans where the boolean array `rows` is true."""
        return replace(self, features=self.features[rows], table=self.table[rows].reset_index(drop=True))

    def without(self, *left_out: str) -> Embeddings:
        """All features but those of these names."""
        kept = [name not in left_out for name in self.names]
        return replace(self, features=self.features[:, kept], names=tuple(np.array(self.names)[kept].tolist()))


def extract_embeddings(
    encode: Callable[[torch.Tensor], torch.Tensor],
    scans: pd.DataFrame,
    batch_size: int,
    label: str,
    cure: str = "look at the training curves of the encoder and train it again",
) -> Embeddings:
    """What `encode` makes of every scan (all splits).

    Parameters
    ----------
    encode : function
        Scans (B, 1, D, H, W) to codes (B, dim), without gradients.
    scans, batch_size, label : DataFrame, int, str
        The table of scans, scans per batch, and what the log calls the encoder.
    cure : str
        Of a code that is of no use.

    Raises
    ------
    UserError
        A code is not finite, or longer or shorter than those before it.
    """
    codes: list[np.ndarray] = []
    for rows, images in scan_batches(scans, batch_size, label):
        made = encode(images).float().cpu().numpy()
        bad = ~np.isfinite(made).all(1)
        if bad.any():
            raise UserError(rows["path"][bad].iloc[0], "a finite code", "NaN or infinity", cure)
        if codes and made.shape[1] != codes[0].shape[1]:
            expected = f"a code of {codes[0].shape[1]} numbers, as of the scans before"
            raise UserError(rows["path"].iloc[0], expected, f"{made.shape[1]}", cure)
        codes.append(made)
    return name_features(np.concatenate(codes), scans, "y_sem")


def constant(scans: pd.DataFrame) -> Embeddings:
    """Nothing about the scan: a probe on it predicts the training scans' mean."""
    return name_features(np.zeros((len(scans), 1)), scans, "constant")


def embeddings_of(features: np.ndarray, scans: pd.DataFrame, names: tuple[str, ...]) -> Embeddings:
    """Embeddings of the rows of a table of scans."""
    return Embeddings(features, scans[list(EMBEDDING_COLUMNS)].reset_index(drop=True), names)


def name_features(features: np.ndarray, scans: pd.DataFrame, stem: str) -> Embeddings:
    """Embeddings whose columns are called ``stem_0``, ``stem_1``, …"""
    return embeddings_of(features, scans, tuple(f"{stem}_{number}" for number in range(features.shape[1])))


def write_embeddings(path: str | Path, embeddings: Embeddings) -> None:
    """Write an NPZ with the fields of `embeddings`, features in float32, and `EMBEDDING_COLUMNS`; no pickles."""
    texts = {name: getattr(embeddings, name) for name in ("names", "fitted_to")}
    texts |= {name: embeddings.table[name] for name in EMBEDDING_COLUMNS}
    arrays = {name: np.array(values, dtype=str) for name, values in texts.items()}
    numbers = {"features": embeddings.features.astype(np.float32), "nested": np.array(embeddings.nested)}
    write_arrays(path, numbers | arrays | {"weights_sha256": np.array(embeddings.weights_sha256)})


def read_embeddings(path: str | Path, weights_sha256: str | None = None) -> Embeddings:
    """Read what `write_embeddings` wrote.

    `weights_sha256`: of the weights that the embeddings have to be of.

    Raises
    ------
    UserError
        The file is absent, damaged or another one, or was made with other weights.
    """
    arrays = read_arrays(path, (*EMBEDDING_COLUMNS, "features", "names", "fitted_to", "nested", "weights_sha256"))
    table = pd.DataFrame({name: arrays[name] for name in EMBEDDING_COLUMNS})
    made_by = arrays["weights_sha256"].item()
    if weights_sha256 not in (None, made_by):
        found = f"those of others (SHA-256 {made_by[:12]}..., not {str(weights_sha256)[:12]}...)"
        raise UserError(path, "embeddings by the weights they are used with", found, MAKE_AGAIN)
    return Embeddings(
        arrays["features"],
        table,
        tuple(arrays["names"].tolist()),
        tuple(arrays["fitted_to"].tolist()),
        nested=bool(arrays["nested"]),
        weights_sha256=made_by,
    )
