"""Read the scans of the dataset table in batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch

from ldae.data.split import assert_no_leak
from ldae.errors import UserError
from ldae.files import read_table

logger = logging.getLogger(__name__)

COLUMNS = ("subject", "session", "path", "diagnosis", "age", "sex", "split", "months")


def read_dataset(path: str | Path) -> pd.DataFrame:
    """Read `dataset.csv`; an unknown diagnosis or sex is an empty string, an unknown age NaN (years).

    Raises
    ------
    UserError
        The table is absent, empty, or lacks a column.
    ValueError
        A subject is in two splits.
    """
    table = read_table(path, COLUMNS, dtype=dict.fromkeys(("subject", "session", "diagnosis", "sex"), str))
    if table.empty:
        raise UserError(path, "one row a scan", "no row", "see results/tables/exclusions.csv for the reasons")
    assert_no_leak(table)
    return table.fillna({"diagnosis": "", "sex": ""})


def read_scans(paths: Sequence[str | Path]) -> torch.Tensor:
    """Read preprocessed NIfTI volumes as one float32 tensor (B, 1, D, H, W), axes RAS, intensities 0..1.

    Raises
    ------
    UserError
        A file is absent or cannot be read, or the volumes differ in shape.
    """
    volumes = []
    for path in paths:
        try:
            volumes.append(nib.load(path).get_fdata(dtype=np.float32))
        except (OSError, nib.filebasedimages.ImageFileError) as error:
            raise UserError(path, "a preprocessed scan", str(error), "run the rule preprocess again") from None
    shapes = {volume.shape for volume in volumes}
    if len(shapes) > 1:
        raise UserError(paths[0], "scans of one shape", str(sorted(shapes)), "preprocess all scans on one grid")
    return torch.from_numpy(np.stack(volumes))[:, None]


def scan_batches(table: pd.DataFrame, batch_size: int, label: str) -> Iterator[tuple[pd.DataFrame, torch.Tensor]]:
    """Yield (rows, scans (B, 1, D, H, W)) of `table` in its order, logging progress and the time left."""
    start = time.monotonic()
    for first in range(0, len(table), batch_size):
        rows = table.iloc[first : first + batch_size]
        yield rows, read_scans(list(rows["path"]))
        done = first + len(rows)
        left_min = (time.monotonic() - start) / done * (len(table) - done) / 60
        logger.info("%s: %d of %d scans done, about %.1f min left", label, done, len(table), left_min)
