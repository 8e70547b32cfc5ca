"""What is known of the people: read by the tables of the evaluation and the supervised encoders alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.data.leaks import refuse_torn_subjects
from ldae.errors import UserError
from ldae.files import read_table

LABELS = ("diagnosis", "sex", "age", "months")
PROGRESSION, FIELD_STRENGTH = "progression", "field_strength"  # made of other columns by the functions so called
DATASET_COLUMNS = ("subject", "session", "path", "split", *LABELS)
DATASET = "results/dataset.csv"
TEXTS = ("subject", "session", "image_sha256", "diagnosis", "sex", "site", "phase")
NOMINAL_T = (1.5, 3.0)  # headers also tell 1.494 or 2.894


def read_dataset(path: str | Path) -> pd.DataFrame:
    """Read `dataset.csv`; an unknown diagnosis, sex, site or phase is an empty string, an unknown age NaN (years).

    Raises
    ------
    UserError
        The table is absent or empty, lacks a column, or has a subject on two sides of the split.
    """
    table = read_table(path, DATASET_COLUMNS, dtype=dict.fromkeys(TEXTS, str))
    if table.empty:
        raise UserError(path, "one row per scan", "no row", "see results/tables/exclusions.csv for the reasons")
    refuse_torn_subjects(table, path)
    return table.fillna(dict.fromkeys(TEXTS, ""))


def join_labels(scans: pd.DataFrame, dataset: pd.DataFrame) -> pd.DataFrame:
    """The rows of `scans` in their order, with the labels that `dataset` holds for the same scans.

    These are `LABELS`, and `PROGRESSION` and `FIELD_STRENGTH` where it has them.

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
    present = [name for name in (*LABELS, PROGRESSION, FIELD_STRENGTH) if name in dataset]
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


def field_strength(dataset: pd.DataFrame) -> pd.Series:
    """The nominal field strength of each scan's magnet, such as "1.5 T" or "3 T"; "" where it is unknown.

    Parameters
    ----------
    dataset : DataFrame
        With the column field_strength_t, in tesla.

    Examples
    --------
    >>> field_strength(pd.DataFrame({"field_strength_t": [1.5, 2.894, 7.0, None]})).tolist()
    ['1.5 T', '3 T', '7 T', '']
    """
    tesla = pd.to_numeric(dataset["field_strength_t"]).astype(float)
    for nominal in NOMINAL_T:
        tesla = tesla.mask((tesla - nominal).abs() < 0.2, nominal)
    return tesla.map("{:g} T".format, na_action="ignore").fillna("")
