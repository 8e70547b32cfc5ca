"""What is known of the people: read by the evaluation and the supervised encoders alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.data.leaks import refuse_torn_subjects
from ldae.errors import UserError
from ldae.files import read_table

DATASET_COLUMNS = ("subject", "session", "path", "split", "diagnosis", "age", "sex", "months")


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
