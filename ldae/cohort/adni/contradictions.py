"""What the rows of ADNIMERGE say of one visit or one person and contradict: it becomes unknown, and is said."""

from __future__ import annotations

import pandas as pd

from ldae.cohort.adni.labels import KEPT
from ldae.cohort.adni.names import MERGE
from ldae.cohort.adni.row_rules import describe_rows
from ldae.cohort.adni.values import is_day, is_in_order

ONE_VISIT_DAYS = 180  # rows of one visit code further apart are two visits
PERSONAL = ("PTGENDER", "DX_bl", "PTEDUCAT", "APOE4")  # with AGE, the same in all rows of a person
OF_VISIT = ("EXAMDATE_bl", "DX", "AGE", "SITE", *PERSONAL)
AGE_TOLERANCE_YEARS = 1.0


def settle(frame: pd.DataFrame, file: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Make what several rows, or several cells of a row, say of the same thing agree.

    Of several rows of one subject and visit code the first stays; what it leaves open is taken from the others, and
    what they contradict is unknown. A row that is further away in time is a visit of its own, whose code is unknown.

    Parameters
    ----------
    frame : ADNIMERGE after `labels.blank_labels`
    file : name of the file

    Returns
    -------
    frame, quarantine, unknown
        The rows left, those left out, and what became unknown; the latter two with the columns `QUARANTINE_COLUMNS`.
    """
    frame, unknown = frame.copy(), [_say_disorder(frame, file)]
    twice = frame["VISCODE"].ne("") & frame.duplicated(["PTID", "VISCODE"], keep=False)
    left_out: list[int] = []
    for _, rows in frame[twice].groupby(["PTID", "VISCODE"]):
        days = pd.to_datetime(rows["EXAMDATE"].where(rows["EXAMDATE"].ne("")))
        apart = (days - days.min()).dt.days.gt(ONE_VISIT_DAYS)
        frame.loc[apart.index[apart], "VISCODE"] = ""
        unknown.append(_say(rows[apart], file, "VISCODE stands twice, on days far apart", "correct the code"))
        unknown.append(_join(frame, rows[~apart], file))
        left_out += list(rows.index[~apart][1:])
    quarantine = _say(frame.loc[left_out], file, "a second row of this subject and visit", "keep one row per visit")
    frame = frame.drop(index=left_out)
    for column in ("AGE", *PERSONAL):
        unknown.append(_blank_contradicted(frame, column, file))
    return frame, quarantine, pd.concat(unknown, ignore_index=True)


def _join(frame: pd.DataFrame, rows: pd.DataFrame, file: str) -> pd.DataFrame:
    """Write what several rows of a visit say into the first of them in `frame`; what is unknown by that."""
    unknown = []
    for column in ("EXAMDATE", "COLPROT", "ORIGPROT", *OF_VISIT):
        said = rows[column][rows[column].ne("")].unique()
        if len(said) > 1 and column in OF_VISIT:
            reason = f"{column} differs between the rows of this subject and visit"
            unknown.append(_say(rows[:1], file, reason, f"keep one row per visit; {KEPT}"))
            said = [""]
        frame.loc[rows.index[:1], column] = said[0] if len(said) else ""
    return pd.concat([_say(rows[:0], file, "", ""), *unknown])


def _say_disorder(frame: pd.DataFrame, file: str) -> pd.DataFrame:
    """Rows whose code and days are readable, but do not agree; `visits.visit_facts` gives them no age."""
    cells = zip(frame["VISCODE"], frame["EXAMDATE"], frame["EXAMDATE_bl"], strict=True)
    wrong = [bool(code) and is_day(day) and not is_in_order(code, day, baseline) for code, day, baseline in cells]
    reason = "EXAMDATE is more than a year from where VISCODE and EXAMDATE_bl put it"
    return _say(
        frame[wrong],
        file,
        reason,
        "correct what is wrong; until then the visit is where a scan is",
    )


def _blank_contradicted(frame: pd.DataFrame, column: str, file: str) -> pd.DataFrame:
    """Empty in `frame` what a person has one of and the rows of the person disagree on."""
    known = frame[frame[column].ne("")]
    if column == "AGE":
        ages = pd.to_numeric(known[column]).groupby(known["PTID"])
        differs = (ages.max() - ages.min()).gt(AGE_TOLERANCE_YEARS)
    else:
        differs = known.groupby("PTID")[column].nunique().gt(1)
    rows = frame[frame["PTID"].isin(differs.index[differs])]
    frame.loc[rows.index, column] = ""
    first = rows.drop_duplicates("PTID")
    cure = f"write the same in all rows of the person; {KEPT}"
    return _say(first, file, f"{column} differs between the rows of this person", cure)


def _say(rows: pd.DataFrame, file: str, reason: str, cure: str) -> pd.DataFrame:
    return describe_rows(rows, MERGE, file, pd.Series(reason, index=rows.index, dtype=str), cure)
