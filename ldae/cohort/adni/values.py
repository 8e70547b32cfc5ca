"""What the cells of the clinical tables must look like; standard library alone, for the Snakefile asks as well."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

DATE = r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
NUMBER = r"\d+(\.\d+)?"
MARK = r"(-?\d+(\.\d+)?)?"
T1_SERIES = r"(?i).*((?<![a-z])mp[- _]?rage|spgr|(?<![a-z0-9])(mpr|mt1|t1w?)(?![a-z0-9])).*"
# Columns of ADNIMERGE of which the choice of images takes only whether the row can be used.
LABELS = {
    "EXAMDATE_bl": DATE,
    "DX": r"(CN|MCI|Dementia)?",
    "DX_bl": r"(CN|SMC|EMCI|LMCI|AD)?",
    "PTGENDER": r"Male|Female",
    "AGE": NUMBER,
}


@lru_cache(maxsize=65536)
def is_usable_label(column: str, value: str) -> bool:
    """Whether a value of one of the columns in `LABELS` leaves its row usable.

    Examples
    --------
    >>> [is_usable_label("AGE", value) for value in ("70.3", "")], is_usable_label("EXAMDATE_bl", "2010-02-30")
    ([True, False], False)
    """
    pattern = LABELS[column]
    return re.fullmatch(pattern, value) is not None and (pattern != DATE or is_day(value))


def is_day(value: str) -> bool:
    """Whether a text that matches `DATE` is a day of the calendar."""
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=65536)
def is_t1_name(sequence: str) -> bool:
    """Whether a series is T1-weighted by its name."""
    return re.fullmatch(T1_SERIES, sequence) is not None
