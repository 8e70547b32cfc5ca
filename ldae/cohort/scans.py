"""The scans that are used: those that passed quality control, with the side of their subject, and without labels.

A change here trains everything anew, so it imports little.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.data.assignments import read_assignments
from ldae.data.scans import SCAN_COLUMNS
from ldae.errors import UserError
from ldae.files import read_table, write_table

TEXT = dict.fromkeys(("subject", "session", "image_id", "site", "image_sha256"), str)  # 01, or a hash, is no number
USABLE = ("pass", "warn")
QC_COLUMNS = ["subject", "session", "verdict", "status", "reason", "override", "override_reason", "rater"]


def read_qc(path: str | Path) -> pd.DataFrame:
    """Read `qc.csv`; texts that say nothing are empty."""
    table = read_table(path, (*QC_COLUMNS, "path", "image_sha256"), dtype=TEXT)
    return table.fillna(dict.fromkeys(("reason", "override", "override_reason", "rater"), ""))


def write_scans(qc: str | Path, split: str | Path, scans: str | Path) -> None:
    """Write the table of the scans that are used, columns `SCAN_COLUMNS` and no other.

    Raises
    ------
    UserError
        The split lacks a subject.
    """
    judged = read_qc(qc)
    usable = judged[judged["verdict"].isin(USABLE)].sort_values(["subject", "session"], ignore_index=True)
    sides = {subject: row.split for subject, row in read_assignments(split).items()}
    missing = sorted(set(usable["subject"]) - set(sides))
    if missing:
        found, cure = f"{len(missing)} missing, such as {missing[0]}", "add them (snakemake --forcerun split)"
        raise UserError(split, "every subject with a usable scan", found, cure)
    write_table(scans, usable.assign(split=usable["subject"].map(sides))[list(SCAN_COLUMNS)])
