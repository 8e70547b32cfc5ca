"""What the cells of the clinical tables must look like; standard library alone, for the Snakefile asks as well."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from ldae.cohort.adni.names import DAYS_PER_MONTH, VISCODE, months_of

DATE = r"(200[3-9]|20[1-9]\d)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"  # ADNI has scanned since 2004
NUMBER = r"\d+(\.\d+)?"
MARK = r"(-?\d+(\.\d+)?)?"
T1_SERIES = r"(?i).*((?<![a-z])mp[- _]?rage|spgr|(?<![a-z0-9])(mpr|mt1|t1w?)(?![a-z0-9])).*"
# What ADNI writes into its tables, perhaps into the wrong column.
OF_VISIT = r"Initial|Continuing|Screening|Baseline|Month|Year|Visit|MRI|MRI-New|Pt|\d{1,3}(\.\d)?|\d{1,2}-New"
OWN_WORDS = (
    rf"\d{{3}}_S_\d{{4,5}}|ADNI\w{{0,4}}(/\w{{2}})?( ({OF_VISIT}))*|"
    r"bl|sc|f|scmri|nv|uns\d|[mvy]\d{1,3}|CN|MCI|AD|SMC|EMCI|LMCI|Dementia|Male|Female"
)
MAX_DAYS_FROM_CODE = 366  # of an examination from the day that its visit code and EXAMDATE_bl give


@lru_cache(maxsize=65536)
def is_day(value: str) -> bool:
    """Whether a text is a day on which ADNI can have seen somebody, written YYYY-MM-DD.

    Examples
    --------
    >>> [is_day(value) for value in ("2010-02-28", "2010-02-30", "2010-2-28", "1910-02-28", "")]
    [True, False, False, False, False]
    """
    if not re.fullmatch(DATE, value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=65536)
def is_in_order(viscode: str, examdate: str, baseline: str) -> bool:
    """Whether a row of ADNIMERGE says when its visit was: its code and date are readable, and agree if it can be told.

    Examples
    --------
    >>> is_in_order("m12", "2011-03-01", "2010-03-01"), is_in_order("m12", "2011-03-01", "")
    (True, True)
    >>> is_in_order("v04", "2011-03-01", "2010-03-01"), is_in_order("m12", "2031-03-01", "2010-03-01")
    (False, False)
    """
    if not (re.fullmatch(VISCODE, viscode) and is_day(examdate)):
        return False
    if not is_day(baseline):
        return True
    days = (date.fromisoformat(examdate) - date.fromisoformat(baseline)).days
    return abs(days - months_of(viscode) * DAYS_PER_MONTH) <= MAX_DAYS_FROM_CODE


@lru_cache(maxsize=65536)
def is_t1_name(sequence: str) -> bool:
    """Whether a series is T1-weighted by its name."""
    return re.fullmatch(T1_SERIES, sequence) is not None


def tell_cell(text: str) -> str:
    """A cell that makes no sense, as it may be told: what ADNI itself writes, and small numbers; of others the kind.

    Examples
    --------
    >>> [tell_cell(text) for text in ("v04", "", "131", "13.03.2006", "13MAR2006", "1947", "Roe^Jane")]
    ["'v04'", "''", "'131'", 'a date or number', 'a date or number', 'a date or number', 'text']
    """
    if re.fullmatch(rf"({OWN_WORDS}|[-+]?\d{{1,3}}(\.\d{{1,2}})?)?", text):
        return f"'{text}'"
    return "a date or number" if re.search(r"\d", text) else "text"
