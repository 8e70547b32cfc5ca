"""participants.tsv and the subjects' sessions.tsv of a BIDS dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ldae.cohort.bids.notes import Notes
from ldae.cohort.bids.tsv import CONTRADICTED, Tsv, read_tsv, table_of
from ldae.cohort.bids.values import agree_on, tell_label
from ldae.config.cohort import ColumnsConfig
from ldae.errors import UserError, UserErrors

SUBJECT, SESSION = "participant_id", "session_id"
OTHER_SOURCES = ("months", "field_strength_t")  # session labels and images' JSON files
Row = dict[str, str]


@dataclass
class DatasetTables:
    """Rows by subject, and by (subject, session): what the columns, in small letters, say."""

    participants: dict[str, Row] = field(default_factory=dict)
    sessions: dict[tuple[str, str], Row] = field(default_factory=dict)
    participant_columns: list[str] = field(default_factory=list)
    session_columns: list[str] = field(default_factory=list)


def read_tables(bids_dir: str | Path, columns: ColumnsConfig, notes: Notes) -> DatasetTables:
    """Read participants.tsv and every sub-*/sub-*_sessions.tsv.

    A participants.tsv with a column session_id has a row for each session, of which the sex is the subject's too. Rows
    of one subject or session are put together; where they contradict each other the value is not known.

    Raises
    ------
    UserErrors
        Tables that cannot be read, and columns that are named in the config and not there; all at once.
    """
    root, tables = Path(bids_dir), DatasetTables()
    errors: list[UserError] = []
    names = {name for _, candidates in columns for name in candidates_of(candidates)}
    alone = {name for _, name in columns if isinstance(name, str)}
    subjects: dict[str, list[Row]] = defaultdict(list)
    sessions: dict[tuple[str, str], list[Row]] = defaultdict(list)
    path = root / "participants.tsv"
    if path.is_file():
        table = _read(path, SUBJECT, names | {SESSION}, alone, notes, errors)
        tables.participant_columns = table.columns
        for row in table.rows:
            subject, session = row[SUBJECT].removeprefix("sub-"), row.get(SESSION, "").removeprefix("ses-")
            if session:
                sessions[subject, session].append(row)
                row = {name: row[name] for name in map(str.lower, candidates_of(columns.sex)) if name in row}
            subjects[subject].append(row)
        if sessions:
            tables.session_columns = list(table.columns)
    else:
        notes.add(str(path), "a table of the participants", "none", "write one, if ages and diagnoses are known")
    tables.participants = {
        label: _join(rows, path, f"sub-{tell_label(label)}", notes) for label, rows in subjects.items()
    }
    for path in sorted(root.glob("sub-*/sub-*_sessions.tsv")):
        table = _read(path, SESSION, names, alone, notes, errors)
        tables.session_columns += [name for name in table.columns if name not in tables.session_columns]
        for row in table.rows:
            sessions[path.parent.name.removeprefix("sub-"), row[SESSION].removeprefix("ses-")].append(row)
    for (subject, session), rows in sessions.items():
        place = root / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
        place = place if place.is_file() else root / "participants.tsv"
        who = f"sub-{tell_label(subject)}_ses-{tell_label(session)}"
        tables.sessions[subject, session] = _join(rows, place, who, notes)
    errors += _absent_columns(tables, columns, notes)
    if errors:
        raise UserErrors(errors)
    return tables


def candidates_of(name: str | list[str] | None) -> list[str]:
    """The names that a column of the config may have."""
    return [name] if isinstance(name, str) else name or []


def _read(path: Path, key: str, names: set[str], alone: set[str], notes: Notes, errors: list[UserError]) -> Tsv:
    try:
        return read_tsv(path, key, names, alone, notes)
    except UserError as error:
        errors.append(error)
        return Tsv([], [])


def _join(rows: list[Row], path: Path, who: str, notes: Notes) -> Row:
    """One row of all that are about the same subject or session."""
    joined: Row = {}
    for name in dict.fromkeys(name for row in rows for name in row if name not in (SUBJECT, SESSION)):
        cells = [row[name] for row in rows if name in row]
        value = None if CONTRADICTED in cells else agree_on(cells)
        if value is None and CONTRADICTED not in cells:
            expected = f"one {name} of a subject, or of a session where there is a column {SESSION}"
            cure = "keep the right row; until then the value is not known"
            notes.add(table_of(path), expected, f"rows that contradict each other in {name}", cure, who)
        joined[name] = value or CONTRADICTED
    return joined


def _absent_columns(tables: DatasetTables, columns: ColumnsConfig, notes: Notes) -> Iterable[UserError]:
    """A column named alone must be there; of a list, that none is there is a note."""
    errors, present = [], {name.lower() for name in (*tables.participant_columns, *tables.session_columns)}
    for key, name in columns:
        if not name or {candidate.lower() for candidate in candidates_of(name)} & present:
            continue
        expected = f"a column {' or '.join(candidates_of(name))} of participants.tsv or sub-*_sessions.tsv"
        places = {"participants.tsv": tables.participant_columns, "sessions.tsv": tables.session_columns}
        found = "; ".join(f"{place} has {', '.join(there) or 'none'}" for place, there in places.items())
        where = f"cohort.columns.{key}"
        if isinstance(name, str):
            errors.append(UserError(where, expected, found, "write the right name, or null"))
        elif key not in OTHER_SOURCES:
            notes.add(where, expected, found, "name the column, if there is one", severity="note")
    return errors
