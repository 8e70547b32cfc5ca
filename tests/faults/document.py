"""docs/faults.md: what became of each fault in the run of the tests that wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

KINDS = {
    "input": "Input: one bad file of a download or of a BIDS dataset",
    "compute": "Compute: damage to what the workflow itself has written, and disks that take no more",
    "process": "Processes: signals, limits, and two runs at once",
}
HEAD = """# Faults, and what becomes of them

Written by `make test-faults`, which injects each fault and records what the user reads. A named error says the file,
what was expected, what was found and the cure. Paths and hashes are shortened to "…".
"""
COLUMNS = "| fault | injected into | outcome | what the user reads |\n|---|---|---|---|\n"


@dataclass(frozen=True)
class Fault:
    """One injected fault: its kind (of `KINDS`), its name, where it was injected, how that ended, and what was said."""

    kind: str
    name: str
    where: str
    outcome: str
    said: str

    @property
    def row(self) -> str:
        """Its line of the table."""
        return f"| {self.name} | {self.where} | {self.outcome} | {shorten(self.said)} |\n"


def shorten(said: str) -> str:
    r"""A message in one line without what differs from run to run.

    Examples
    --------
    >>> shorten("/tmp/pytest-0/results/scans.csv\n  expected: a table | of text")
    '…/scans.csv; expected: a table / of text'
    """
    said = re.sub(r"(?<![\w.])/[\w./+=-]*/(?=[\w.])", "…/", said)
    said = re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b(\.\.\.)?", "…", said)
    said = re.sub(r"\s*\n\s*", "; ", said.strip())
    return re.sub(r"\s+", " ", said).replace("|", "/").replace("<", "&lt;")[:400]


def write_document(path: Path, faults: list[Fault]) -> None:
    """Write the table of each kind, rows in the order of the tests."""
    parts = [HEAD]
    for kind, title in KINDS.items():
        rows = [fault.row for fault in faults if fault.kind == kind]
        parts.append(f"\n## {title}\n\n{len(rows)} faults.\n\n{COLUMNS}{''.join(rows)}")
    path.write_text("".join(parts), encoding="utf-8")


def listed_faults(path: Path) -> dict[str, list[str]]:
    """The names of the faults that the document lists, by kind."""
    listed: dict[str, list[str]] = {}
    for part in path.read_text(encoding="utf-8").split("\n## ")[1:]:
        kind = next(kind for kind, title in KINDS.items() if part.startswith(title))
        listed[kind] = [line.split(" | ")[0].removeprefix("| ") for line in part.splitlines() if line.startswith("| ")]
        listed[kind] = listed[kind][1:]  # without the head of the table
    return listed
