"""Lists of subjects and their sides of the split: `results/split.csv`, and the user's own `split.file`.

Standard library alone, for the Snakefile compares the two before any work.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import NamedTuple

from ldae.data.sides import SPLITS
from ldae.errors import UserError, UserErrors
from ldae.files import restore

ONE_SIDE = "one side per subject"


class Assignment(NamedTuple):
    """A row of a list: the side, the line of the file, and the subject as it is spelled there."""

    split: str
    line: int
    spelled: str


def read_assignments(path: str | Path) -> dict[str, Assignment]:
    """Read a CSV with the columns subject and split, by subject without ``sub-``.

    A row that stands twice counts once; other columns are left.

    Raises
    ------
    UserErrors
        Everything wrong at once: values missing, unknown sides, a subject with two sides or two spellings.
    """
    rows: dict[str, list[Assignment]] = {}
    errors = []
    for line, spelled, side in _read_rows(Path(path)):
        if not spelled:
            errors.append(UserError(f"{path}: line {line}", "a subject", "none", "fill it in or remove the row"))
        elif side not in SPLITS:
            found = f"'{side}' for {spelled}"
            errors.append(UserError(f"{path}: line {line}", f"one of {', '.join(SPLITS)}", found, "correct the side"))
        else:
            rows.setdefault(bare_label(spelled), []).append(Assignment(side, line, spelled))
    errors += [error for same in rows.values() if (error := _contradiction(path, same))]
    if errors:
        raise UserErrors(errors)
    return {same[0].spelled.removeprefix("sub-"): same[0] for same in rows.values()}


def _read_rows(path: Path) -> list[tuple[int, str, str]]:
    """Line, subject and side of every row that is not empty."""
    cure = "save it as comma-separated text in UTF-8 with the columns subject, split"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = [name.strip() for name in next(reader, [])]
            if not {"subject", "split"} <= set(header):
                found = f"columns {', '.join(header)}" if header else "an empty file"
                raise UserError(path, "the columns subject and split", found, cure)
            places = header.index("subject"), header.index("split")
            rows = []
            for cells in reader:
                cells += [""] * (len(header) - len(cells))
                subject, side = (restore(cells[place].strip()) for place in places)
                rows += [(reader.line_num, subject, side)] if subject or side else []
    except FileNotFoundError:
        raise UserError(path, "a list of subjects and sides", "no such file", "correct split.file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(path, "a comma-separated UTF-8 table", " ".join(str(error).split()), cure) from None
    return rows


def refuse_other_spellings(listed: dict[str, Assignment], subjects: set[str], path: str | Path | None) -> None:
    """Check that no listed subject is one of `subjects` in another spelling, and so passed over.

    Raises
    ------
    UserErrors
        One is: other case of letters, ``011_S_4102`` for ``ADNI011S4102``.
    """
    labels = {bare_label(subject): subject for subject in subjects}
    errors = []
    for name, row in listed.items():
        if name not in subjects and bare_label(name) in labels:
            found = f"'{row.spelled}' ({row.split})"
            errors.append(UserError(f"{path}: line {row.line}", labels[bare_label(name)], found, "spell it like that"))
    if errors:
        raise UserErrors(errors)


def refuse_other_sides(file: str | Path | None, path: str | Path) -> None:
    """Check that the user's list and the one that the workflow keeps, if both are there, agree.

    Raises
    ------
    UserErrors
        One contradicts itself, or they give a subject two sides or two spellings; each with both lines and sides.
    """
    kept = read_assignments(path) if Path(path).is_file() else {}
    given = read_assignments(file) if file else {}
    refuse_other_spellings(given, set(kept), file)
    errors = []
    for subject in sorted(set(given) & set(kept)):
        if given[subject].split != kept[subject].split:
            where = f"{file}: line {given[subject].line}, and {path}: line {kept[subject].line}"
            found = f"{given[subject].split} and {kept[subject].split} for {subject}"
            cure = f"correct {file}; or, for a new split with everything trained anew, delete {path}"
            errors.append(UserError(where, ONE_SIDE, found, cure))
    if errors:
        raise UserErrors(errors)


def _contradiction(path: str | Path, rows: list[Assignment]) -> UserError | None:
    """What is wrong with the rows of one subject."""
    where = f"{path}: lines {', '.join(str(row.line) for row in rows)}"
    said = " and ".join(dict.fromkeys(f"{row.split} for {row.spelled}" for row in rows))
    if len({row.spelled for row in rows}) > 1:
        return UserError(where, "one spelling per subject", said, "keep the row that holds")
    if len({row.split for row in rows}) > 1:
        return UserError(where, ONE_SIDE, said, "keep the row that holds")
    return None


def bare_label(subject: str) -> str:
    """What all spellings of a subject's label have in common: no prefix, punctuation or capitals."""
    return re.sub(r"[^0-9a-z]", "", subject.lower().removeprefix("sub-")).removeprefix("adni")
