"""The split of a cohort: its subjects with a usable scan, stratified by baseline diagnosis."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.cohort.columns import STRATA_COLUMNS
from ldae.cohort.scans import TEXT, USABLE, read_qc
from ldae.config.cohort import SplitConfig
from ldae.data.sides import SPLITS
from ldae.data.split import update_split
from ldae.errors import UserError
from ldae.files import read_table


def split_cohort(
    strata: str | Path, qc: str | Path, config: SplitConfig, split: str | Path, *, seed: int
) -> dict[str, str]:
    """Give every subject with a usable scan its side of the split, in the file that keeps them (`data.split`).

    Parameters
    ----------
    strata, qc : one row per converted image, and one per preprocessed scan
    config, seed : fractions and the user's list, and the order of the subjects
    split : CSV to add to

    Raises
    ------
    UserError
        No scan passed quality control, or lists of subjects contradict each other.
    """
    judged, visits = read_qc(qc), read_table(strata, tuple(STRATA_COLUMNS), dtype=TEXT)
    usable = judged[judged["verdict"].isin(USABLE)]
    if usable.empty:
        expected, cure = "at least one scan that passed quality control", "see results/qc.html for the reasons"
        raise UserError(qc, expected, "none", cure)
    return update_split(list_strata(usable, visits), config, split, seed=seed)


def refuse_empty_sides(sides: dict[str, str], split: str | Path) -> None:
    """Check that the cohort, of whose subjects these are the sides, has someone on each.

    Raises
    ------
    UserError
        It does not, so that no training or no table would be possible.
    """
    missing = [side for side in SPLITS if side not in sides.values()]
    if missing:
        found = f"{len(sides)} with a usable scan, none in {' and '.join(missing)}"
        cure = f"add subjects, three at least; or correct {split}, or the file given as split.file"
        raise UserError(split, "subjects in training, validation and test", found, cure)


def list_strata(usable: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """The baseline diagnosis of each subject, else that of its first usable scan; columns subject, diagnosis."""
    seen = usable[["subject", "session"]].merge(visits, on=["subject", "session"], how="left", validate="one_to_one")
    first = seen.sort_values(["subject", "months"]).drop_duplicates("subject")
    diagnosis = first["diagnosis_bl"].astype(object).fillna(first["diagnosis"])
    return pd.DataFrame({"subject": first["subject"], "diagnosis": diagnosis})
