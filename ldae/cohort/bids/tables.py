"""What participants.tsv and the subjects' sessions.tsv say about each scan of a BIDS dataset."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ldae.cohort.columns import FINDING_COLUMNS
from ldae.config.cohort import ColumnsConfig
from ldae.errors import UserError, UserErrors
from ldae.files import read_table, write_table

MISSING = {"", "n/a", "na", "nan", "none", "null"}
SEXES = {"m": "M", "male": "M", "f": "F", "female": "F"}
MONTHS_PER_YEAR = 12
OTHER_SOURCES = ("months", "field_strength_t")  # session labels and images' JSON files
RANGES = {"age": (0, 120), "months": (-1200, 1200), "field_strength_t": (0, 20)}


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


@dataclass
class DatasetTables:
    """Rows by subject, and by (subject, session), as dicts of strings without the missing values."""

    participants: dict[str, dict[str, str]] = field(default_factory=dict)
    sessions: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    participant_columns: list[str] = field(default_factory=list)
    session_columns: list[str] = field(default_factory=list)


def read_tables(bids_dir: str | Path, columns: ColumnsConfig, notes: Notes) -> DatasetTables:
    """Read participants.tsv and every sub-*/sub-*_sessions.tsv.

    Raises
    ------
    UserErrors
        Tables that cannot be read, rows that stand twice, columns that are named in the config and not there; all at
        once.
    """
    root, tables = Path(bids_dir), DatasetTables()
    errors: list[UserError] = []
    path = root / "participants.tsv"
    if path.is_file():
        rows = _read(path, "participant_id", errors)
        tables.participant_columns = list(rows.columns)
        labels = rows["participant_id"].str.removeprefix("sub-")
        _refuse_twice(path, "participant_id", labels, "one row per subject; visits belong in sessions.tsv", errors)
        tables.participants = dict(zip(labels, map(_values, rows.to_dict("records")), strict=True))
    else:
        notes.add(str(path), "a table of the participants", "none", "write one, if ages and diagnoses are known")
    for path in sorted(root.glob("sub-*/sub-*_sessions.tsv")):
        rows = _read(path, "session_id", errors)
        labels = rows["session_id"].str.removeprefix("ses-")
        _refuse_twice(path, "session_id", labels, "one row per session", errors)
        tables.session_columns += [name for name in rows.columns if name not in tables.session_columns]
        subject = path.parent.name.removeprefix("sub-")
        for label, row in zip(labels, rows.to_dict("records"), strict=True):
            tables.sessions[subject, label] = _values(row)
    errors += _absent_columns(tables, columns, notes)
    if errors:
        raise UserErrors(errors)
    return tables


def _read(path: Path, key: str, errors: list[UserError]) -> pd.DataFrame:
    try:
        return read_table(path, (key,), dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except UserError as error:
        errors.append(error)
    except (UnicodeDecodeError, pd.errors.ParserError):
        errors.append(UserError(path, "tab-separated columns in UTF-8", "something else", "save the table anew"))
    return pd.DataFrame({key: pd.Series(dtype=str)})


def _refuse_twice(path: Path, key: str, labels: pd.Series, expected: str, errors: list[UserError]) -> None:
    twice = sorted(set(labels[labels.duplicated()]))
    if twice:
        errors.append(UserError(path, expected, f"{key} {', '.join(twice[:5])} several times", "keep one row of each"))


def _values(row: dict[str, str]) -> dict[str, str]:
    return {name: value.strip() for name, value in row.items() if value.strip().lower() not in MISSING}


def _candidates(name: str | list[str] | None) -> list[str]:
    return [name] if isinstance(name, str) else name or []


def _absent_columns(tables: DatasetTables, columns: ColumnsConfig, notes: Notes) -> list[UserError]:
    """A column named alone must be there; of a list, that none is there is a note."""
    errors, present = [], {*tables.participant_columns, *tables.session_columns}
    for key, name in columns:
        if not name or set(_candidates(name)) & present:
            continue
        expected = f"a column {' or '.join(_candidates(name))} of participants.tsv or sub-*_sessions.tsv"
        places = {"participants.tsv": tables.participant_columns, "sessions.tsv": tables.session_columns}
        found = "; ".join(f"{place} has {', '.join(there) or 'none'}" for place, there in places.items())
        where = f"cohort.columns.{key}"
        if isinstance(name, str):
            errors.append(UserError(where, expected, found, "write the right name, or null"))
        elif key not in OTHER_SOURCES:
            notes.add(where, expected, found, "name the column, if there is one", severity="note")
    return errors


class Facts:
    """The facts of each scan. A visit's own row goes before the subject's.

    The subject's age is that at baseline: the months since are added. The subject's diagnosis holds at the first scan,
    and at later ones only where no sessions table has a diagnosis. What is missing or cannot be understood stays empty,
    with a note: such scans serve the stages that need no label.

    Parameters
    ----------
    tables : the dataset's tables
    columns : the config's names of columns
    diagnoses : what a value of the diagnosis column means
    scans : (subject, session) of all images
    """

    def __init__(
        self,
        tables: DatasetTables,
        columns: ColumnsConfig,
        diagnoses: dict[str, str],
        scans: list[tuple[str, str]],
        notes: Notes,
    ) -> None:
        self._tables, self._notes = tables, notes
        self._candidates = {key: _candidates(name) for key, name in columns}
        self._diagnoses = {_normal(value): diagnosis for value, diagnosis in diagnoses.items()}
        self._have_visits = {subject for subject, _ in tables.sessions}
        self._visits_have_diagnosis = any(name in tables.session_columns for name in self._candidates["diagnosis"])
        known = {scan: self._months_of(*scan) for scan in scans}
        subjects = Counter(subject for subject, _ in scans)
        self._months = {scan: 0.0 if m is None and subjects[scan[0]] == 1 else m for scan, m in known.items()}
        ordered = sorted(scans, key=lambda scan: (math.inf if self._months[scan] is None else self._months[scan], scan))
        self._first = dict(reversed(ordered))

    def of_scan(self, subject: str, session: str) -> dict:
        """Diagnosis, age (years), sex, months, field_strength_t, site, diagnosis_bl, age_bl; empty where not known."""
        months, first = self._months[subject, session], session == self._first[subject]
        age, age_bl = self._number("age", subject, session), self._number("age", subject)
        if age is None and age_bl is not None and months is not None:
            age = age_bl + months / MONTHS_PER_YEAR
        diagnosis_bl = self._diagnosis(subject) or self._diagnosis(subject, self._first[subject])
        holds_here = (first and months is not None) or not self._visits_have_diagnosis
        tesla = [self._number("field_strength_t", subject, place) for place in (session, "")]
        facts = {
            "diagnosis": self._diagnosis(subject, session) or (diagnosis_bl if holds_here else ""),
            "age": "" if age is None else round(age, 4),
            "sex": self._sex(subject, session),
            "months": "" if months is None else round(months),
            "field_strength_t": next((value for value in tesla if value is not None), ""),
            "site": self._value("site", subject, session) or self._value("site", subject),
            "diagnosis_bl": diagnosis_bl,
            "age_bl": "" if age_bl is None else age_bl,
        }
        self._note_what_lacks(subject, session, facts)
        return facts

    def _note_what_lacks(self, subject: str, session: str, facts: dict) -> None:
        scan = f"sub-{subject}_ses-{session}"
        if self._tables.participants and subject not in self._tables.participants:
            cure = "add the subject; until then nothing but the image is known"
            self._notes.add("participants.tsv", "a row for each scanned subject", "no row", cure, f"sub-{subject}")
        if subject in self._have_visits and (subject, session) not in self._tables.sessions:
            cure = "add the session, or name it as its folder is named"
            self._notes.add("sessions.tsv", "a row for each session with an image", "no row", cure, scan)
        if facts["months"] == "":
            cure = "name the column with the months from baseline: cohort.columns.months"
            self._notes.add("months", "a value, or session labels like ses-M012", "neither", cure, scan)
        for key in ("age", "diagnosis"):
            if facts[key] == "":
                cure = "none is needed for the stages without labels; scores leave these scans out"
                self._notes.add(key, "a value for each scan", "not known", cure, scan, severity="note")

    def _value(self, key: str, subject: str, session: str = "") -> str:
        """The first value of the key's columns at a session, or, without session, of the subject."""
        tables = self._tables
        row = tables.sessions.get((subject, session)) if session else tables.participants.get(subject)
        return next((row[name] for name in self._candidates[key] if name in row), "") if row else ""

    def _number(self, key: str, subject: str, session: str = "") -> float | None:
        text, (low, high) = self._value(key, subject, session), RANGES[key]
        try:
            number = float(text) if text else None
        except ValueError:
            number = math.nan
        if number is None or low <= number <= high:
            return number
        self._unclear(key, f"a number from {low} to {high}", text, "correct the values", subject, session)
        return None

    def _months_of(self, subject: str, session: str) -> float | None:
        months = self._number("months", subject, session)
        label = re.fullmatch(r"[Mm](\d+)", session)
        return float(label[1]) if months is None and label else months

    def _sex(self, subject: str, session: str) -> str:
        text = self._value("sex", subject, session) or self._value("sex", subject)
        if text and text.lower() not in SEXES:
            self._unclear("sex", "M, F, male or female", text, "correct the values", subject)
        return SEXES.get(text.lower(), "")

    def _diagnosis(self, subject: str, session: str = "") -> str:
        text = self._value("diagnosis", subject, session)
        if text and _normal(text) not in self._diagnoses:
            expected = f"a value of cohort.diagnoses ({', '.join(sorted(self._diagnoses))})"
            self._unclear("diagnosis", expected, text, "add the value to cohort.diagnoses", subject, session)
        return self._diagnoses.get(_normal(text), "")

    def _unclear(self, key: str, expected: str, text: str, cure: str, subject: str, session: str = "") -> None:
        who = f"sub-{subject}_ses-{session}" if session else f"sub-{subject}"
        self._notes.add(key, expected, f"'{text}'", f"{cure}; until then this is not known", who)


def _normal(value: str) -> str:
    """A value without case of letters; numbers in one way of writing, so that 0.50 is 0.5."""
    try:
        return f"{float(value):g}"
    except ValueError:
        return value.strip().lower()
