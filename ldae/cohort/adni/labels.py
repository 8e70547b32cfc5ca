"""Cells of the tables that make no sense: they become unknown, their row stays, and each is said.

No image depends on them. What they say of a visit or a person is then missing in the results; a visit without code or
date is placed by `timeline`, a series ID, a field strength or the day of a scan found by `inventory`.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from ldae.cohort.adni.names import MERGE, META, VISCODE
from ldae.cohort.adni.row_rules import describe_rows
from ldae.cohort.adni.values import DATE, NUMBER, is_day, tell_cell
from ldae.cohort.columns import QUARANTINE_COLUMNS

UNKNOWN = {"na", "n/a", "nan", "none", "null", "."}
KEPT = "the scan is used without it"
UNQUOTED = {"PTEDUCAT", "APOE4", "SITE"}  # of these no other stage ever quotes a cell
DAY = "a day YYYY-MM-DD from 2003 on"


class Label(NamedTuple):
    """What the values of a column must match in full, that in words, the cure, and the bounds of numbers."""

    column: str
    pattern: str
    meaning: str
    cure: str
    bounds: tuple[float, float] | None = None


LABELS = {
    MERGE: [
        Label("RID", r"(\d+(\.0)?)?", "the number at the end of PTID", "none needed: it is taken from PTID"),
        Label("VISCODE", VISCODE, "bl or mNN", "write ADNIMERGE's own code; until then the visit goes by its date"),
        Label("EXAMDATE", DATE, DAY, "write the day; until then the visit goes by its code"),
        Label("EXAMDATE_bl", DATE, DAY, "write the day of the baseline; until then ages go by the visit's code"),
        Label("ORIGPROT", r"ADNI\w+", "a phase of ADNI", "write the phase; until then the visit's own is taken"),
        Label("COLPROT", r"ADNI\w+", "a phase of ADNI", "write the phase; until then it goes by the date"),
        Label("DX", r"(CN|MCI|Dementia)?", "CN, MCI, Dementia or nothing", f"correct the diagnosis; {KEPT}"),
        Label("DX_bl", r"(CN|SMC|EMCI|LMCI|AD)?", "CN, SMC, EMCI, LMCI, AD or nothing", f"correct it; {KEPT}"),
        Label("PTGENDER", r"Male|Female", "Male or Female", f"correct the sex; {KEPT}"),
        Label("AGE", NUMBER, "an age of 18 to 110 years", f"fill in the age at baseline; {KEPT}", (18, 110)),
        Label("PTEDUCAT", rf"({NUMBER})?", "0 to 30 years or nothing", f"correct it; {KEPT}", (0, 30)),
        Label("APOE4", r"[012]?", "0, 1, 2 or nothing", f"correct the number of alleles; {KEPT}"),
        Label("SITE", r"\d*", "a whole number or nothing", f"correct the site; {KEPT}"),
    ],
    META: [
        Label("SeriesID", r"\d*", "a whole number or nothing", "none needed: it is taken from the names of the files"),
        Label(
            *("MagStrength", rf"({NUMBER})?", "0.5 to 7 tesla or nothing"),
            *("none needed: it is taken from the headers", (0.5, 7)),
        ),
        Label("ScanDate", DATE, DAY, "write the day; until then it is taken from the name of the folder"),
    ],
}


def blank_labels(frame: pd.DataFrame, name: str, file: str, absent: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Empty the cells that make no sense.

    Parameters
    ----------
    frame : the usable rows of a table in its legacy form, all strings; its index counts the rows of the file from 0
    name : which of the six tables
    file : name of the file
    absent : columns that the file lacks, which are empty in `frame`

    Returns
    -------
    frame, unknown
        The same rows, and what became unknown, columns `QUARANTINE_COLUMNS`; an absent column is one row without line.
    """
    frame, said = frame.copy(), []
    for label in LABELS.get(name, []):
        if label.column in absent:
            said.append(_say_absent(label, file))
            continue
        found = frame[label.column]
        values = found.mask(found.str.lower().isin(UNKNOWN), "")
        bad = ~values.str.fullmatch(label.pattern)
        if label.bounds:
            bad |= values.ne("") & ~pd.to_numeric(values, errors="coerce").between(*label.bounds)
        if label.pattern == DATE:
            bad |= ~values.map(is_day).astype(bool)
        frame[label.column] = values.mask(bad, "")
        reasons = f"{label.column} must be {label.meaning}, found "
        reasons += "something else" if label.column in UNQUOTED else found[bad].map(tell_cell)
        said.append(describe_rows(frame[bad], name, file, reasons, label.cure))
    return frame, pd.concat(said, ignore_index=True) if said else pd.DataFrame(columns=QUARANTINE_COLUMNS)


def _say_absent(label: Label, file: str) -> pd.DataFrame:
    row = dict.fromkeys(QUARANTINE_COLUMNS, "") | {"table": file, "reason": f"no column {label.column}"}
    return pd.DataFrame([row | {"cure": f"download the full table; {label.cure}"}])
