"""Which scans a measurement is made on."""

from __future__ import annotations

import pandas as pd

from ldae.errors import UserError
from ldae.seeds import seed_of


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


def draw_scans(rows: pd.DataFrame, count: int | None, seed: int) -> pd.DataFrame:
    """`count` of the rows at most, in their order: no subject has a second scan before every subject has one.

    Who and which scans are drawn depends on the seed and on their names, not on the order of the rows. None: all rows.
    """
    if count is None:
        return rows
    order = rows.assign(
        person=[seed_of(seed, subject) for subject in rows["subject"]],
        scan=[seed_of(seed, *key) for key in zip(rows["subject"], rows["session"], strict=True)],
    )
    order["turn"] = order.groupby("subject")["scan"].rank()
    return rows[rows.index.isin(order.sort_values(["turn", "person"]).index[:count])]
