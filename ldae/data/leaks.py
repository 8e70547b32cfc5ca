"""The guard of the test subjects: every stage that fits anything takes its rows from here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ldae.data.sides import SPLITS
from ldae.errors import UserError

SCANS = "results/scans.csv"


def refuse_torn_subjects(table: pd.DataFrame, where: str | Path = SCANS) -> None:
    """Check that each subject is in one split, and every split a known one.

    Raises
    ------
    UserError
        A subject is on two sides, or a side is unknown.
    """
    cure = "correct results/split.csv, or the file given as split.file"
    unknown = sorted(set(table["split"].astype(str)) - set(SPLITS))
    if unknown:
        raise UserError(where, f"splits {', '.join(SPLITS)}", unknown[0], cure)
    sides = table.groupby("subject")["split"].nunique()
    torn = sides.index[sides > 1]
    if len(torn):
        raise UserError(where, "each subject in one split", f"{', '.join(torn[:5])} in several", cure)


def refuse_test_subjects(subjects: Iterable[str], table: pd.DataFrame, where: str | Path = SCANS) -> None:
    """Check that none of `subjects` is a test subject of `table`.

    Raises
    ------
    UserError
        One is.
    """
    leaked = sorted(set(subjects) & set(table.loc[table["split"] == "test", "subject"]))
    if leaked:
        found = f"{len(leaked)} of the test split, such as {leaked[0]}"
        cure = "see results/split.csv: a subject in one split only"
        raise UserError(where, "no test subject in anything that is fitted", found, cure)


def fitting_rows(table: pd.DataFrame, split: str, where: str | Path = SCANS) -> pd.DataFrame:
    """Rows that a model may be fitted to (`train`) or selected by (`validation`).

    Raises
    ------
    UserError
        There is no such row, or one belongs to a subject of the test split.
    """
    if split not in ("train", "validation"):
        raise ValueError(f"nothing is fitted to the split {split!r}")
    rows = table[table["split"] == split].reset_index(drop=True)
    refuse_test_subjects(rows["subject"], table, where)
    if rows.empty:
        found, cure = f"no scan in the split {split}", "add subjects, or change split.*_fraction in the configuration"
        raise UserError(where, "training and validation scans", found, cure)
    return rows
