"""What is known of the people: read by the tables of the evaluation and the supervised encoders alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.data.leaks import refuse_torn_subjects
from ldae.errors import UserError
from ldae.files import read_table

LABELS = ("diagnosis", "sex", "age", "months")
PROGRESSION = "progression"  # made of the others by `progression`
DATASET_COLUMNS = ("subject", "session", "path", "split", *LABELS)
DATASET = "results/dataset.csv"


def read_dataset(path: str | Path) -> pd.DataFrame:
    """Read `dataset.csv`; an unknown diagnosis or sex is an empty string, an unknown age NaN (years).

    Raises
    ------
    UserError
        The table is absent or empty, lacks a column, or has a subject on two sides of the split.
    """
    table = read_table(path, DATASET_COLUMNS, dtype=dict.fromkeys(("subject", "session", "diagnosis", "sex"), str))
    if table.empty:
        raise UserError(path, "one row per scan", "no row", "see results/tables/exclusions.csv for the reasons")
    refuse_torn_subjects(table, path)
    return table.fillna({"diagnosis": "", "sex": ""})


def join_labels(scans: pd.DataFrame, dataset: pd.DataFrame) -> pd.DataFrame:
    """The rows of `scans` in their order, with what `dataset` holds of `LABELS` and `PROGRESSION` for the same scans.

    Parameters
    ----------
    scans : DataFrame
        Columns subject, session and split, and no label.
    dataset : DataFrame
        What `read_dataset` returned; its order does not matter, nor does it matter if it holds more scans.

    Raises
    ------
    UserError
        A scan has no row in `dataset`, or stands in another split there.
    """
    key, cure = ["subject", "session"], "run again; what was made of results/scans.csv is older than the labels"
    present = [name for name in (*LABELS, PROGRESSION) if name in dataset]
    labels = dataset[[*key, "split", *present]].rename(columns={"split": "split_of_labels"})
    joined = scans.merge(labels, on=key, how="left", validate="one_to_one")
    wrong = joined["split_of_labels"] != joined["split"]
    if wrong.any():
        first = joined[wrong].iloc[0]
        scan, side = f"{first['subject']} {first['session']}", first["split_of_labels"]
        if pd.isna(side):
            raise UserError(DATASET, "a row for every scan", f"none for {scan}", cure)
        raise UserError(DATASET, f"{scan} in the split {first['split']}", str(side), cure)
    return joined.drop(columns="split_of_labels")


def progression(dataset: pd.DataFrame, window_months: int) -> pd.Series:
    """Whether MCI became AD within a window after each scan.

    Parameters
    ----------
    dataset : DataFrame
        What `read_dataset` returned: subject, diagnosis, months. Only its visits, those with a scan, are known.
    window_months : int
        How long after a scan is looked at.

    Returns
    -------
    Series of str
        "pMCI" (progressive) where the diagnosis is MCI and a later one up to `window_months` is AD; "sMCI" (stable)
        where none is and the subject was seen with a diagnosis at the window's end or later; else "": another
        diagnosis, AD before, an unknown time, or too short a follow-up.
    """
    known = dataset[(dataset["diagnosis"] != "") & dataset["months"].notna()]
    found = pd.Series("", index=dataset.index)
    for _, visits in known.groupby("subject"):
        ill = visits.loc[visits["diagnosis"] == "AD", "months"]
        for index, month in visits.loc[visits["diagnosis"] == "MCI", "months"].items():
            if (ill < month).any():
                continue
            if (ill <= month + window_months).any():
                found[index] = "pMCI"
            elif visits["months"].max() >= month + window_months:
                found[index] = "sMCI"
    return found
