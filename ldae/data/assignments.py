"""Lists of subjects and their sides of the split: `results/split.csv`, and the user's own `split.file`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ldae.errors import UserError, UserErrors
from ldae.files import read_table

SPLITS = ("train", "validation", "test")
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
    try:
        options = {"dtype": str, "keep_default_na": False, "encoding": "utf-8-sig", "skip_blank_lines": False}
        table = read_table(path, ("subject", "split"), **options)[["subject", "split"]].fillna("")
    except (UnicodeDecodeError, pd.errors.ParserError) as error:
        cure = "save it as comma-separated text with the columns subject, split"
        raise UserError(path, "a comma-separated UTF-8 table", " ".join(str(error).split()), cure) from None
    rows: dict[str, list[Assignment]] = {}
    errors = []
    table = table.apply(lambda column: column.str.strip())
    for line, (spelled, side) in enumerate(table.itertuples(index=False), 2):
        if not spelled and not side:
            continue
        row = Assignment(side, line, spelled)
        if not spelled:
            errors.append(UserError(f"{path}: line {line}", "a subject", "none", "fill it in or remove the row"))
        elif side not in SPLITS:
            found = f"'{side}' for {spelled}"
            errors.append(UserError(f"{path}: line {line}", f"one of {', '.join(SPLITS)}", found, "correct the side"))
        else:
            rows.setdefault(_key(spelled), []).append(row)
    errors += [error for same in rows.values() if (error := _contradiction(path, same))]
    if errors:
        raise UserErrors(errors)
    return {same[0].spelled.removeprefix("sub-"): same[0] for same in rows.values()}


def refuse_other_spellings(listed: dict[str, Assignment], subjects: set[str], path: str | Path | None) -> None:
    """Check that no listed subject is one of `subjects` in another spelling, and so passed over.

    Raises
    ------
    UserErrors
        One is: other case of letters, ``011_S_4102`` for ``ADNI011S4102``.
    """
    labels = {_key(subject): subject for subject in subjects}
    errors = []
    for name, row in listed.items():
        if name not in subjects and _key(name) in labels:
            found = f"'{row.spelled}' ({row.split})"
            errors.append(UserError(f"{path}: line {row.line}", labels[_key(name)], found, "spell it like that"))
    if errors:
        raise UserErrors(errors)


def refuse_other_sides(
    given: dict[str, Assignment], file: str | Path | None, kept: dict[str, Assignment], path: str | Path
) -> None:
    """Check that the user's list and the one that the workflow keeps agree on the subjects that both know.

    Raises
    ------
    UserErrors
        They do not; each subject with both lines and sides.
    """
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


def _key(subject: str) -> str:
    """What all spellings of a subject have in common: no prefix, punctuation or capitals."""
    return re.sub(r"[^0-9a-z]", "", subject.lower().removeprefix("sub-")).removeprefix("adni")
