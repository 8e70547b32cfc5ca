"""The scans of quality control, the riskiest first, for whoever shows them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ldae.config.preprocessing import QCConfig
from ldae.files import read_table
from ldae.preprocessing.verdict import CHECKS, risk

ORDER = ("error", "fail", "warn", "pass")
TEXTS = ("path", "status", "reason", "override", "override_reason", "rater", "verdict")
NUMBERS = tuple(dict.fromkeys(name for name, _ in CHECKS))
IMAGE_SUFFIX, MONTAGE_SUFFIX = "_space-MNI152_desc-preproc_T1w.nii.gz", "_desc-qc_T1w.png"


def read_scans(qc: str | Path, config: QCConfig) -> pd.DataFrame:
    """Read `results/qc.csv` sorted by risk.

    By final verdict (error, fail, warn, pass), within a verdict by the worst margin of the numbers over their limits
    (`verdict.risk`, in the column ``risk``): so a scan that a person readmitted leads its verdict. An ``error`` has no
    numbers and an infinite risk. Missing texts are empty.
    """
    table = read_table(qc, ("subject", "session", *TEXTS, *NUMBERS), dtype={"subject": str, "session": str})
    table[list(TEXTS)] = table[list(TEXTS)].astype(object).fillna("")
    table["risk"] = [risk(numbers, config) for numbers in table[list(NUMBERS)].to_dict("records")]
    table["order"] = table["verdict"].map(ORDER.index)
    by = ["order", "risk", "subject", "session"]
    return table.sort_values(by, ascending=[True, False, True, True], ignore_index=True).drop(columns="order")


def montage_of(image: str) -> str:
    """Path of the picture that preprocessing drew of an image; both names follow `ScanFiles`."""
    path = Path(image)
    return (path.parents[2] / "figures" / path.name.replace(IMAGE_SUFFIX, MONTAGE_SUFFIX)).as_posix()
