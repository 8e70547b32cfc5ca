"""Hashes of the clinical tables, by which Snakemake knows what a correction concerns.

Standard library alone, for they are taken where Snakemake runs, whenever it plans. `hash_content_of_tables` changes
with every cell, `hash_choice` only with what decides which images are converted, so that a corrected diagnosis or age
converts nothing anew.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ldae.cohort.adni.files import Source, find_sources, split_sources
from ldae.cohort.adni.names import CHOICE_COLUMNS, KEYS, MERGE, META, TABLE_COLUMNS, rid_of
from ldae.cohort.adni.spellings import renamed_columns
from ldae.cohort.adni.values import is_in_order, is_t1_name
from ldae.errors import UserError

SHARED = "*"
KEPT_FILES = 16  # of which the hashes are kept as long as the process lives


def hash_content_of_tables(clinical_dir: str | Path) -> str:
    """Hash of the names and of the whole content of the six tables, and of no other file.

    Raises
    ------
    FileNotFoundError
        There is no such folder; Snakemake then asks again when the rule that makes it is done.
    """
    os.stat(str(clinical_dir))
    parts: list[str] = []
    for name in TABLE_COLUMNS:
        sources, fault = _find(clinical_dir, name)
        parts.append(fault)
        for source in sources:
            parts += [str(source.path.relative_to(clinical_dir)), _hash_file(*_state(source))]
    return _join(parts)


def hash_choice(clinical_dir: str | Path, subjects: Iterable[str]) -> str:
    """Hash of all that the choice of these subjects' images takes from the clinical tables.

    It changes with images, visits, exam dates, phases and quality marks; another age, diagnosis, sex or anything else
    of the visit leaves it as it is, also one that makes no sense. EXAMDATE_bl counts in rows of ADNIMERGE alone whose
    visit cannot be told without it. Names of files, other columns and other tables do not count. A table that cannot
    be read as one counts as a whole, for all subjects.

    Parameters
    ----------
    clinical_dir : folder of the tables, old or today's names
    subjects : codes like 011_S_4102

    Raises
    ------
    FileNotFoundError
        There is no such folder; Snakemake then asks again when the rule that makes it is done.
    """
    os.stat(str(clinical_dir))
    parts, wanted = [], sorted(subjects)
    for name in CHOICE_COLUMNS:
        sources, fault = _find(clinical_dir, name)
        parts.append(fault)
        for source in split_sources(sources, name)[0]:
            rows = _hash_rows(name, source.legacy, *_state(source))
            keys = [rid_of(ptid) if KEYS[name] == "RID" else ptid for ptid in wanted]
            parts += [name, rows[SHARED], *(rows.get(key, "") for key in keys)]
    return _join(parts)


def _find(folder: str | Path, name: str) -> tuple[list[Source], str]:
    """The files of a table, and what is wrong with them, which the check will say."""
    try:
        return find_sources(folder, name), ""
    except UserError as error:
        return [], error.found


def _join(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _state(source: Source) -> tuple[str, int, int]:
    """A file as it is now."""
    stat = source.path.stat()
    return str(source.path), stat.st_size, stat.st_mtime_ns


@lru_cache(KEPT_FILES)
def _hash_file(path: str, size: int, time: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@lru_cache(KEPT_FILES)
def _hash_rows(name: str, legacy: bool, path: str, size: int, time: int) -> dict[str, str]:
    """Hash of what counts of a table, by the value of its key; under `SHARED` what concerns every subject."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream)
            header = [column.strip() for column in next(rows, [])]
            renamed = renamed_columns(header, name)
            places = {renamed.get(column, column): place for place, column in reversed(list(enumerate(header)))}
            grouped, day_first = _group(rows, places, name, legacy)
    except (OSError, UnicodeDecodeError, csv.Error):
        return {SHARED: _hash_file(path, size, time)}
    shared = repr([legacy, sorted(set(CHOICE_COLUMNS[name]) & set(places)), day_first])
    return {SHARED: shared} | {key: hashlib.sha256(repr(rows).encode()).hexdigest() for key, rows in grouped.items()}


def _group(
    rows: Iterable[list[str]], places: dict[str, int], name: str, legacy: bool
) -> tuple[dict[str, list[object]], bool]:
    """The counting cells of the rows of each key, and whether some date puts the day first, which concerns them all.

    An image that is listed twice counts with all its rows for everybody whom it is listed for.
    """
    counted = [places[column] for column in CHOICE_COLUMNS[name] if column in places]
    dates = [places[column] for column in ("EXAMDATE", "ScanDate") if column in places]
    key, ptid, image = (places.get(column) for column in (KEYS[name], "PTID", "ImageUID"))
    sequence = None if legacy or name != META else places.get("Sequence")
    grouped: dict[str, list[object]] = {}
    of_image: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    day_first = False
    width = max(places.values(), default=-1) + 1
    for row in rows:
        row += [""] * (width - len(row))
        if sequence is not None and not is_t1_name(row[sequence].strip()):
            continue
        day_first = day_first or any(re.match(r"\s*(1[3-9]|[23]\d)/", row[place]) for place in dates)
        values = tuple([row[place].strip() for place in counted])
        if name == MERGE:
            values += (_needed_baseline(row, places),)
        owner = row[key].strip() if key is not None else _roster_id(row[ptid].strip()) if ptid is not None else ""
        grouped.setdefault(owner, []).append(values)
        if image is not None:
            of_image.setdefault(row[image].strip().removeprefix("I"), []).append((owner, values))
    for listed in of_image.values():
        if len(listed) > 1:
            for owner in {owner for owner, _ in listed}:
                grouped[owner].append(listed)
    return grouped, day_first


def _needed_baseline(row: list[str], places: dict[str, int]) -> str:
    """EXAMDATE_bl where code and date of the visit do not say when it was."""
    columns = ("VISCODE", "EXAMDATE", "EXAMDATE_bl")
    viscode, examdate, baseline = (row[places[column]].strip() if column in places else "" for column in columns)
    return "" if is_in_order(viscode, examdate, baseline) else baseline


def _roster_id(ptid: str) -> str:
    return rid_of(ptid) if re.fullmatch(r"\d{3}_S_\d+", ptid) else ""
