"""The scans that are used: those that passed quality control, with the side of their subject, and without labels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.cohort.columns import CONVERSION_COLUMNS
from ldae.config.cohort import SplitConfig
from ldae.data.assignments import read_assignments
from ldae.data.scans import SCAN_COLUMNS
from ldae.data.split import update_split
from ldae.errors import UserError
from ldae.files import read_table, write_table

TEXT = dict.fromkeys(("subject", "session", "image_id", "site"), str)  # labels such as 01 are no numbers
USABLE = ("pass", "warn")
QC_COLUMNS = ["subject", "session", "verdict", "status", "reason", "override", "override_reason", "rater"]


def read_conversion(path: str | Path) -> pd.DataFrame:
    """Read the table of the conversion, columns `CONVERSION_COLUMNS`."""
    return read_table(path, tuple(CONVERSION_COLUMNS), dtype=TEXT)


def read_qc(path: str | Path) -> pd.DataFrame:
    """Read `qc.csv`; texts that say nothing are empty."""
    table = read_table(path, (*QC_COLUMNS, "path", "image_sha256"), dtype=TEXT)
    return table.fillna(dict.fromkeys(("reason", "override", "override_reason", "rater"), ""))


def split_cohort(
    conversion: str | Path, qc: str | Path, config: SplitConfig, split: str | Path, *, seed: int
) -> dict[str, str]:
    """Give every subject with a usable scan its side of the split, in the file that keeps them (`data.split`).

    Parameters
    ----------
    conversion, qc : one row per image, and one per preprocessed scan
    config, seed : fractions and the user's list, and the order of the subjects
    split : CSV to add to

    Raises
    ------
    UserError
        No scan passed quality control, or lists of subjects contradict each other.
    """
    judged, images = read_qc(qc), read_conversion(conversion)
    usable = judged[judged["verdict"].isin(USABLE)]
    if usable.empty:
        expected, cure = "at least one scan that passed quality control", "see results/qc.html for the reasons"
        raise UserError(qc, expected, "none", cure)
    return update_split(list_strata(usable, images), config, split, seed=seed)


def list_strata(usable: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """The baseline diagnosis of each subject, else that of its first usable scan; columns subject, diagnosis."""
    visits = images.loc[images["status"] == "converted", ["subject", "session", "months", "diagnosis_bl", "diagnosis"]]
    seen = usable[["subject", "session"]].merge(visits, on=["subject", "session"], how="left", validate="one_to_one")
    first = seen.sort_values(["subject", "months"]).drop_duplicates("subject")
    diagnosis = first["diagnosis_bl"].astype(object).fillna(first["diagnosis"])
    return pd.DataFrame({"subject": first["subject"], "diagnosis": diagnosis})


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
