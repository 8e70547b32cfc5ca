"""The scans of quality control, the riskiest first, as page and figure show them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.config.preprocessing import QCConfig
from ldae.files import read_table
from ldae.preprocessing.verdict import LIMITS, risk

ORDER = ("error", "fail", "warn", "pass")
TEXTS = ("path", "status", "reason", "override", "override_reason", "rater", "verdict")
NUMBERS = tuple(dict.fromkeys(name for name, _ in LIMITS))


def read_scans(qc: str | Path, config: QCConfig) -> pd.DataFrame:
    """Read `results/qc.csv` sorted by risk.

    Sorted by final verdict (error, fail, warn, pass), and within a verdict by the worst margin of the numbers over
    their limits (`verdict.risk`), so that a scan that a person readmitted leads its verdict.

    Parameters
    ----------
    qc : path
        `results/qc.csv`.
    config : QCConfig
        The section `qc`.

    Returns
    -------
    DataFrame
        One row per scan with the column ``risk``, infinite for an ``error``, which has no numbers. Missing texts are
        empty.

    Raises
    ------
    UserError
        The table is absent or lacks a column.
    """
    table = read_table(qc, ("subject", "session", *TEXTS, *NUMBERS), dtype={"subject": str, "session": str})
    table[list(TEXTS)] = table[list(TEXTS)].astype(object).fillna("")
    table["risk"] = [risk(numbers, config) for numbers in table[list(NUMBERS)].to_dict("records")]
    table["order"] = table["verdict"].map(ORDER.index)
    by = ["order", "risk", "subject", "session"]
    return table.sort_values(by, ascending=[True, False, True, True], ignore_index=True).drop(columns="order")
