"""The table of scans: all that a training may know of a cohort. It has no labels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.data.leaks import refuse_torn_subjects
from ldae.errors import UserError
from ldae.files import read_table

SCAN_KEY = ["subject", "session"]
SCAN_COLUMNS = ("subject", "session", "path", "split", "image_sha256")


def read_scans(path: str | Path) -> pd.DataFrame:
    """Read `scans.csv`, columns `SCAN_COLUMNS` and no other.

    Raises
    ------
    UserError
        The table is absent or empty, lacks a column, or has a subject on two sides of the split.
    """
    table = read_table(path, SCAN_COLUMNS, dtype={"subject": str, "session": str})[list(SCAN_COLUMNS)]
    if table.empty:
        raise UserError(path, "one row per scan", "no row", "see results/tables/exclusions.csv for the reasons")
    refuse_torn_subjects(table, path)
    return table
