"""Which scans a measurement is made on."""

from __future__ import annotations

import pandas as pd

from ldae.errors import UserError


def scans_of(table: pd.DataFrame, split: str, *others: str) -> pd.DataFrame:
    """The rows of these splits in their order, numbered anew.

    Raises
    ------
    UserError
        The first split has no scan.
    """
    if not (table["split"] == split).any():
        cure = f"use more subjects, or change split.*_fraction so that {split} has a share"
        raise UserError("results/scans.csv", f"{split} scans", "none", cure)
    return table[table["split"].isin([split, *others])].reset_index(drop=True)
