"""How every table of results is written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.files import write_table


def write_result(path: str | Path, table: pd.DataFrame, cohort: str) -> None:
    """Write a table as CSV, with a last column that says of which cohort it is: phantom, adni, bids, …"""
    write_table(path, table.assign(cohort=cohort))
