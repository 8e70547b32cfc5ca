"""When each visit of a subject was, also where ADNIMERGE does not say it, and visits for scans that have none there.

Clinica insists on a visit code and a day for each visit, and on a visit for each scan. Rows of ADNIMERGE that give both
are left as they are. Of the others

- a row without code gets the code of its months since baseline, or, at an earlier row's time, is no visit of its own;
- a row without date is put where its code says;
- a row whose code and date contradict each other is put where there is a scan: at its date, else where its code says;
- a row with neither, and a row that is on the same day as another, only tells of the person.

A scan more than `MAX_DAYS_FROM_VISIT` days from every visit, or of a subject without any, gets a visit of its own,
of which nothing is known but the person. All of it follows from the rows and the scans alone, so that conversion and
labels agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from ldae.cohort.adni.contradictions import PERSONAL
from ldae.cohort.adni.names import DAYS_PER_MONTH, months_of, rid_of
from ldae.cohort.adni.values import is_in_order

MAX_DAYS_FROM_VISIT = 180
SAME_VISIT_DAYS = 45  # a row without code this close to a visit is no other visit
ONE_SCAN_DAYS = 90  # scans this close are of one visit, where ADNIMERGE has none
# First days of the phases, near enough to tell which scans a protocol chose.
PHASES = [("ADNI4", "2023-01-01"), ("ADNI3", "2016-09-01"), ("ADNI2", "2011-06-01"), ("ADNIGO", "2009-09-01")]
# Added to the columns of ADNIMERGE: months since baseline, empty where not known, and where the visit is from.
MONTHS, ORIGIN = "MONTHS", "ORIGIN"
TABLE, SCAN = "ADNIMERGE", "scan"


def place_visits(ptid: str, rows: pd.DataFrame, images: Iterable[dict]) -> pd.DataFrame:
    """`place_rows` of a subject's rows of ADNIMERGE, as a table with its columns and `MONTHS` and `ORIGIN`."""
    placed = place_rows(ptid, rows.to_dict("records"), images)
    return pd.DataFrame(placed, columns=[*rows.columns, MONTHS, ORIGIN]).fillna("")


def place_rows(ptid: str, rows: list[dict], images: Iterable[dict]) -> list[dict]:
    """The visits of one subject in the order of time.

    Parameters
    ----------
    ptid : the subject's code
    rows : its rows of ADNIMERGE; what is unknown is empty
    images : its images, with `scan_date`, `visit` and `sequence`

    Returns
    -------
    list of dict
        Rows of ADNIMERGE with `MONTHS` and `ORIGIN`; each VISCODE once, EXAMDATE, ORIGPROT and COLPROT never empty.
    """
    dated = [image for image in images if image["scan_date"]]
    scans = sorted((pd.Timestamp(image["scan_date"]), image["visit"]) for image in dated)
    in_order = [is_in_order(row["VISCODE"], row["EXAMDATE"], row["EXAMDATE_bl"]) for row in rows]
    clear = [row for row, sure in zip(rows, in_order, strict=True) if sure]
    unclear = [row for row, sure in zip(rows, in_order, strict=True) if not sure]
    start, known = _baseline(clear, unclear, scans)
    placed = [row | {MONTHS: str(months_of(row["VISCODE"])), ORIGIN: TABLE} for row in clear]
    for row in sorted(unclear, key=lambda row: (row["VISCODE"] == "", row["EXAMDATE"])):
        placed += _place(row, placed, start, known, scans)
    placed += _visits_of_scans(placed, rows, start, known, scans)
    recruited = next((row["ORIGPROT"] for row in rows if row["ORIGPROT"]), "")
    for row in placed:
        own = row["COLPROT"] or _phase(row["EXAMDATE"], dated)
        phases = {"COLPROT": own, "ORIGPROT": row["ORIGPROT"] or recruited or own}
        row |= phases | {"PTID": ptid, "RID": rid_of(ptid)}
    return sorted(placed, key=lambda row: (row["EXAMDATE"], row["VISCODE"]))


def phase_on(day: str) -> str:
    """The phase of ADNI that examined people on a day."""
    return next((phase for phase, first in PHASES if day >= first), "ADNI1")


def _phase(day: str, images: list[dict]) -> str:
    """The phase of a visit by its day, and by what was scanned then: only ADNI3 has no unaccelerated series."""
    phase, visit = phase_on(day), pd.Timestamp(day)
    near = [i for i in images if abs(pd.Timestamp(i["scan_date"]) - visit).days <= MAX_DAYS_FROM_VISIT]
    accelerated = ["accel" in image["sequence"].lower() for image in near]
    if not near or phase not in ("ADNI1", "ADNIGO", "ADNI2", "ADNI3"):
        return phase
    if all(accelerated):
        return "ADNI3"
    return "ADNI2" if phase == "ADNI3" and not any(accelerated) else phase


def _baseline(clear: list[dict], unclear: list[dict], scans: list[tuple]) -> tuple[pd.Timestamp | None, bool]:
    """The day of the baseline visit, and whether it is known or only the first day that anything is known of."""
    if clear:
        first = min(clear, key=lambda row: months_of(row["VISCODE"]))
        return pd.Timestamp(first["EXAMDATE"]) - _months(months_of(first["VISCODE"])), True
    for row in unclear:
        if row["EXAMDATE_bl"]:
            return pd.Timestamp(row["EXAMDATE_bl"]), True
    for row in unclear:
        if row["EXAMDATE"] and row["VISCODE"]:
            return pd.Timestamp(row["EXAMDATE"]) - _months(months_of(row["VISCODE"])), True
    for day, visit in scans:
        if (months := months_named(visit)) is not None:
            return day - _months(months), True
    days = [pd.Timestamp(row["EXAMDATE"]) for row in unclear if row["EXAMDATE"]] + [day for day, _ in scans]
    return min(days, default=None), False


def months_named(visit: str) -> int | None:
    """Months since baseline of a visit's name in MPRAGEMETA, where it tells them whoever the subject is.

    Examples
    --------
    >>> months_named("ADNI Screening"), months_named("ADNI1/GO Month 12"), months_named("ADNI2 Year 1 Visit")
    (0, 12, None)
    """
    month = re.search(r"Month (\d+)", visit)
    return 0 if "Screening" in visit else int(month[1]) if month else None


def _place(row: dict, placed: list[dict], start: pd.Timestamp | None, known: bool, scans: list[tuple]) -> list[dict]:
    """A row of ADNIMERGE that is not clear, as a visit, or no row."""
    own = pd.Timestamp(row["EXAMDATE"]) if row["EXAMDATE"] else None
    if row["VISCODE"]:
        by_code = start + _months(months_of(row["VISCODE"])) if start is not None else None
        days = [day for day in (own, by_code) if day is not None]
        if not days:
            return []
        near = [day for day in days if any(abs(scan - day).days <= MAX_DAYS_FROM_VISIT for scan, _ in scans)]
        day = (near or days)[0]
        return [row | {"EXAMDATE": _text(day), MONTHS: str(months_of(row["VISCODE"])), ORIGIN: TABLE}]
    if own is None or any(abs(pd.Timestamp(other["EXAMDATE"]) - own).days <= SAME_VISIT_DAYS for other in placed):
        return []
    return [row | _coded(own, placed, start, known) | {ORIGIN: TABLE}]


def _visits_of_scans(
    placed: list[dict], table: list[dict], start: pd.Timestamp | None, known: bool, scans: list[tuple]
) -> list[dict]:
    """Visits for the scans that are near none."""
    person = {column: next((row[column] for row in table if row[column]), "") for column in ("AGE", "SITE", *PERSONAL)}
    made: list[dict] = []
    for day, _ in scans:
        if any(abs(pd.Timestamp(row["EXAMDATE"]) - day).days <= MAX_DAYS_FROM_VISIT for row in placed):
            continue
        if any(0 <= (day - pd.Timestamp(row["EXAMDATE"])).days <= ONE_SCAN_DAYS for row in made):
            continue
        seen = {"EXAMDATE": _text(day), ORIGIN: SCAN} | _coded(day, placed + made, start, known)
        made.append(dict.fromkeys(("EXAMDATE_bl", "DX", "ORIGPROT", "COLPROT"), "") | person | seen)
    return made


def _coded(day: pd.Timestamp, placed: list[dict], start: pd.Timestamp | None, known: bool) -> dict:
    """Code and months since baseline of a day that has no visit yet; `known`: `start` is the baseline."""
    months = 0 if start is None else max(round((day - start).days / DAYS_PER_MONTH), 0)
    taken = {months_of(row["VISCODE"]) for row in placed}
    while months in taken:
        months += 1
    return {"VISCODE": f"m{months:02d}" if months else "bl", MONTHS: str(months) if known else ""}


def _months(months: int) -> pd.Timedelta:
    return pd.Timedelta(days=round(months * DAYS_PER_MONTH))


def _text(day: pd.Timestamp) -> str:
    return day.strftime("%Y-%m-%d")
