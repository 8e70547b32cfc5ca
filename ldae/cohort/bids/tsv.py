r"""One table of a BIDS dataset, read cell by cell.

BIDS separates cells with tabs and knows no quoting, so that a quotation mark is a sign like others; readers of CSV
join rows between two of them. No message quotes a cell.
"""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ldae.cohort.bids.notes import Notes
from ldae.cohort.bids.values import EMPTY, agree_on
from ldae.errors import UserError

CONTRADICTED = ""  # a value that two cells tell differently
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Tsv:
    """Names of the columns as they are written, and rows as dicts: column in small letters to what it says."""

    columns: list[str]
    rows: list[dict[str, str]]


def read_tsv(path: Path, key: str, names: set[str], exact: set[str], notes: Notes) -> Tsv:
    """Read a table whose rows are known by the column `key`.

    Parameters
    ----------
    path
        A file in UTF-8; others that spreadsheets write (UTF-16, Windows-1252) are read with a note.
    key
        Column that must be there and has a value in each row.
    names
        Other columns to read, in whatever case of letters.
    exact
        Those of them that a person named one by one: of two columns that differ in case alone, the one named here is
        read. Without it the two must agree, or the value is not known.
    notes
        What is assumed or left out is added here.

    Returns
    -------
    Tsv
        In its rows are the cells that say something, and `CONTRADICTED` where two columns differ.

    Raises
    ------
    UserError
        The file is empty, has no column `key`, or is no text.
    """
    lines = [(number, line) for number, line in enumerate(_lines(path, notes), 1) if line.strip()]
    if not lines:
        raise UserError(path, "a table with a header", "an empty file", "write the table anew, or remove the file")
    (_, header), *body = [(number, _cells(line)) for number, line in lines]
    header = _without_empty_end(header, 0)
    chosen = _choose_columns(header, {key, *names}, exact)
    if key not in chosen:
        raise UserError(path, f"a column {key}", f"no column {key}", "name the column so, and separate columns by tabs")
    reader = _Reader(path, header, chosen, key, notes)
    rows = [row for number, cells in body if (row := reader.read(number, _without_empty_end(cells, len(header))))]
    if any('"' in line for _, line in lines):
        cure = "none: those around a whole cell are taken off, others are part of the text"
        notes.add(table_of(path), "no quotation marks, for BIDS has none", "some", cure, path.name, severity="note")
    return Tsv([name for name in header if name], rows)


def table_of(path: Path) -> str:
    """The kind of table, by which findings are counted."""
    return "participants.tsv" if path.name == "participants.tsv" else "sessions.tsv"


def _lines(path: Path, notes: Notes) -> list[str]:
    """The lines of a text file; text has other signs that Python takes for ends of lines."""
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith(UTF16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"
        text = content.decode(encoding, errors="replace")
    if "\0" in text or "\ufffd" in text:
        raise UserError(path, "tab-separated columns in UTF-8", "something else", "save the table anew")
    if encoding != "utf-8-sig":
        name = {"utf-16": "UTF-16", "cp1252": "what is read as Windows-1252"}[encoding]
        cure = "save the table in UTF-8, if letters with accents are read wrongly"
        notes.add(table_of(path), "text in UTF-8", name, cure, path.name, severity="note")
    return re.split(r"\r\n|\r|\n", text)


def _cells(line: str) -> list[str]:
    """The cells of a line without spaces around them, and without quotation marks around a whole cell."""
    return [re.sub(r'^"([^"]*)"$', r"\1", cell.strip()).strip() for cell in line.split("\t")]


def _without_empty_end(cells: list[str], fewest: int) -> list[str]:
    """Cells without the empty ones that a spreadsheet adds at the end."""
    while len(cells) > fewest and not cells[-1]:
        cells = cells[:-1]
    return cells


def _choose_columns(header: list[str], names: set[str], exact: set[str]) -> dict[str, list[int]]:
    """The places of each wanted column, by its name in small letters."""
    wanted = {name.lower() for name in names}
    places = defaultdict(list)
    for place, name in enumerate(header):
        if name.lower() in wanted:
            places[name.lower()].append(place)
    named = {name: [place for place in found if header[place] in exact] for name, found in places.items()}
    return {name: named[name] if len(named[name]) == 1 else found for name, found in places.items()}


@dataclass(frozen=True)
class _Reader:
    """Reads rows of one table."""

    path: Path
    header: list[str]
    chosen: dict[str, list[int]]
    key: str
    notes: Notes

    def read(self, number: int, cells: list[str]) -> dict[str, str]:
        """What one line says; nothing where it does not say about whom, or not in which columns."""
        if not any(cell.lower() not in EMPTY for cell in cells):
            return {}
        if len(cells) != len(self.header):
            cure = (
                "write n/a into empty cells, and take tabs and line breaks out of cells; until then the row is not used"
            )
            self._note(number, "in each row as many cells as in the header", "another number", cure)
            return {}
        row = {name: self._value(number, name, [cells[place] for place in self.chosen[name]]) for name in self.chosen}
        if not row[self.key]:
            cure = "write it; until then the row is not used"
            self._note(number, f"{self.key} in each row", "none", cure)
            return {}
        return {name: value for name, value in row.items() if value is not None}

    def _value(self, number: int, name: str, cells: list[str]) -> str | None:
        """What the cells of a column say; None if nothing."""
        value = agree_on(cells)
        if value is None:
            columns = " and ".join(self.header[place] for place in self.chosen[name])
            cure = "remove one, or name the right one in cohort.columns; until then the value is not known"
            self._note(number, f"one column {name}", f"{columns}, which contradict each other", cure)
            return CONTRADICTED
        return value or None

    def _note(self, number: int, expected: str, found: str, cure: str) -> None:
        self.notes.add(table_of(self.path), expected, found, cure, f"{self.path.name} line {number}")
