"""Labels of the tables that are no folder's, but nearly are one's. They are named, never guessed."""

from __future__ import annotations

import re
from collections.abc import Set

import pandas as pd

from ldae.cohort.bids.notes import Notes
from ldae.cohort.bids.tables import DatasetTables

Labels = tuple[str, ...]  # subject, or subject and session


def note_spellings(images: pd.DataFrame, tables: DatasetTables, notes: Notes) -> None:
    """Note the subjects and sessions of the tables that differ from folders in leading zeros, case or signs only.

    Parameters
    ----------
    images : columns subject and session
    tables : the dataset's tables
    notes : added to
    """
    rows = images.to_dict("records")
    subjects, scans = {(row["subject"],) for row in rows}, {(row["subject"], row["session"]) for row in rows}
    _note("participant_id", {(subject,) for subject in tables.participants}, subjects, notes)
    _note("session_id", set(tables.sessions), scans, notes)


def _note(column: str, written: Set[Labels], folders: Set[Labels], notes: Notes) -> None:
    alike = {tuple(map(_essence, labels)): labels for labels in folders - written}
    for labels in written - folders:
        if folder := alike.get(tuple(map(_essence, labels))):
            found = "another spelling of it, in zeros, case of letters or signs"
            cure = "write it as the folder is named; until then its row is not used"
            notes.add(column, "the name of a folder", found, cure, f"{_name(labels)} for {_name(folder)}")


def _name(labels: Labels) -> str:
    return "_".join(f"{prefix}-{label}" for prefix, label in zip(("sub", "ses"), labels, strict=False))


def _essence(label: str) -> str:
    """A label without what is often written differently."""
    letters = re.sub(r"^(sub|ses)(?=.)", "", re.sub(r"[\W_]", "", label.lower()))
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", letters)
