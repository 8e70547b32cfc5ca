"""A guard against deleting what was worked out, when a disk is not mounted or a list of subjects was cut by mistake."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ldae.errors import UserError

ALWAYS_ALLOWED = 5


def expect_few_losses(place: str | Path, gone: Collection[str], present: int, max_fraction: float) -> None:
    """Check that few enough of what a folder holds has left the cohort to remove it without asking.

    Parameters
    ----------
    place : the folder
    gone : names of what would be removed
    present : how many it holds, these among them
    max_fraction : share that may go; five may always

    Raises
    ------
    UserError
        More would be removed; nothing is.
    """
    if len(gone) <= ALWAYS_ALLOWED or len(gone) <= max_fraction * present:
        return
    named = ", ".join(sorted(gone)[:3])
    found = f"{len(gone)} of {present} are gone from the cohort: {named}, …"
    cure = "see that the download's disk is mounted and cohort.subjects is what you mean; "
    cure += "if they are to be removed, set cohort.max_lost_fraction: 1.0"
    raise UserError(place, f"at most {max_fraction:.0%} fewer than before", found, cure)
