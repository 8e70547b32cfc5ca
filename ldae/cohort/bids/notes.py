"""What there is to say about a dataset: `findings.csv`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from ldae.cohort.columns import FINDING_COLUMNS
from ldae.errors import UserError
from ldae.files import write_table


class Notes:
    """What there is to say about the tables, one row per kind of finding with the subjects or scans it concerns."""

    def __init__(self) -> None:
        self._concerned: dict[tuple[str, ...], set[str]] = defaultdict(set)

    def add(self, where: str, expected: str, found: str, cure: str, who: str = "", severity: str = "warning") -> None:
        """Say something of the dataset, or of one subject or scan, `who`."""
        self._concerned[severity, where, expected, found, cure] |= {who} - {""}

    def table(self) -> pd.DataFrame:
        """Columns severity (warning or note), where, expected, found, cure."""
        rows = []
        for (*head, found, cure), concerned in sorted(self._concerned.items(), key=lambda item: item[0]):
            count = f" ({len(concerned)} x, such as {min(concerned)})" if concerned else ""
            rows.append((*head, found + count, cure))
        return pd.DataFrame(rows, columns=FINDING_COLUMNS)


@contextmanager
def write_faults(findings: str | Path, notes: Notes | None = None) -> Iterator[None]:
    """Write what stops the work, and what was noted so far, to the table of findings."""
    try:
        yield
    except UserError as error:
        errors = getattr(error, "errors", [error])
        faults = [("error", fault.where, fault.expected, fault.found, fault.cure) for fault in errors]
        table = pd.DataFrame(faults, columns=FINDING_COLUMNS)
        write_table(findings, pd.concat([table, notes.table()]) if notes else table)
        raise
