"""The clinical tables of an ADNI download: found, read as strings, useless rows set aside, senseless cells emptied."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ldae.cohort.adni.adapters import name_visits, to_legacy
from ldae.cohort.adni.contradictions import settle
from ldae.cohort.adni.files import AbsentTable, Source, find_sources, list_tables, split_sources
from ldae.cohort.adni.labels import blank_labels
from ldae.cohort.adni.names import (
    APOE,
    DIAGNOSES,
    KEYS,
    MAYO,
    MERGE,
    META,
    NEEDED_COLUMNS,
    QUALITY,
    TABLE_COLUMNS,
    label_of,
    rid_of,
)
from ldae.cohort.adni.row_rules import set_aside
from ldae.cohort.columns import QUARANTINE_COLUMNS
from ldae.errors import UserError, UserErrors
from ldae.files import hash_content, read_table

logger = logging.getLogger(__name__)

# What is missing without a table.
WITHOUT_TABLE = dict.fromkeys((QUALITY, MAYO), "scans that ADNI rejected are not left out") | dict.fromkeys(
    (APOE, DIAGNOSES), "it is not needed, for APOE and diagnoses are those of ADNIMERGE"
)


@dataclass(frozen=True)
class ClinicalTables:
    """The six tables by legacy name, every cell a string, the rows set aside, and what was assumed.

    What is unknown is an empty cell. `unknown` tells of each cell that made no sense and was emptied, and of columns
    and tables that are missing without harm to any image; columns `QUARANTINE_COLUMNS`.
    """

    frames: dict[str, pd.DataFrame]
    quarantine: pd.DataFrame
    unknown: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    def of_subject(self, ptid: str) -> dict[str, pd.DataFrame]:
        """All six tables cut to one subject."""
        values = {"PTID": ptid, "SubjectID": ptid, "RID": rid_of(ptid)}
        return {name: frame[frame[KEYS[name]] == values[KEYS[name]]] for name, frame in self.frames.items()}


def hash_tables(frames: dict[str, pd.DataFrame]) -> str:
    """Hash of the content of one subject's tables."""
    return hash_content({name: [list(frame.columns), frame.to_numpy().tolist()] for name, frame in frames.items()})[:16]


def read_tables(clinical_dir: str | Path) -> ClinicalTables:
    """Find, read and check the six tables, under their old or today's names.

    Images are found by ADNIMERGE and the list of images alone: the others may be missing. Of several tables that stand
    for the same one, that with the older name is read. Only of the lists of images all are: a newer list adds the
    images that the older one lacks.

    Raises
    ------
    UserErrors
        A table is doubled, or one of the two that are needed is missing, unreadable, empty, lacks a column that is
        needed, or has no usable row; all of it at once.
    """
    list_tables(clinical_dir)
    parts, notes = _read_parts(Path(clinical_dir))
    frames = {name: parts[name][0].frame for name in TABLE_COLUMNS}
    visits = frames[MERGE]
    phases = {ptid: phase for ptid, phase in zip(visits["PTID"], visits["ORIGPROT"], strict=True) if phase}
    frames[META], more = _join_images(parts[META], phases)
    every = [part for name in TABLE_COLUMNS for part in parts[name]]
    quarantine = pd.concat([part.quarantine for part in every], ignore_index=True)
    quarantine = quarantine[~quarantine["image_id"].isin(frames[META]["ImageUID"])].reset_index(drop=True)
    by_rid = {rid_of(ptid): label_of(ptid) for ptid in set(visits["PTID"])}
    quarantine["subject"] = [by_rid.get(subject, subject) for subject in quarantine["subject"]]
    unknown = pd.concat([part.unknown for part in every], ignore_index=True)
    return ClinicalTables(frames, quarantine[QUARANTINE_COLUMNS], unknown[QUARANTINE_COLUMNS], notes + more)


@dataclass(frozen=True)
class _Part:
    """One file: its good rows in legacy form, the others, what became unknown, and what was assumed."""

    frame: pd.DataFrame
    quarantine: pd.DataFrame
    unknown: pd.DataFrame
    notes: list[str]
    file: str


def _read_parts(folder: Path) -> tuple[dict[str, list[_Part]], list[str]]:
    """Read each table's file, of the list of images every file; collect all faults before raising."""
    parts: dict[str, list[_Part]] = {name: [] for name in TABLE_COLUMNS}
    errors: list[UserError] = []
    notes: list[str] = []
    for name in TABLE_COLUMNS:
        try:
            sources = find_sources(folder, name)
        except UserError as error:
            if isinstance(error, AbsentTable) and name not in NEEDED_COLUMNS:
                parts[name].append(_without(name, str(error.where), f"no file {error.expected}"))
            else:
                errors.append(error)
            continue
        read, others = split_sources(sources, name)
        first = sources[0].path.name
        notes += [f"{source.path.name}: not read, for {first} is there" for source in others]
        for source in read:
            needed = name == MERGE or (source == sources[0] and name == META)
            try:
                parts[name].append(_read_part(source, name, needed))
            except UserError as error:
                if name in NEEDED_COLUMNS:
                    errors.append(error)
                else:
                    parts[name].append(_without(name, source.path.name, f"unreadable: {error.found}"))
    if errors:
        raise UserErrors(errors)
    return parts, [note for name in TABLE_COLUMNS for part in parts[name] for note in part.notes] + notes


def _without(name: str, where: str, reason: str) -> _Part:
    """What stands for a table that no image needs: a warning where its marks are missed, else a note."""
    row = dict.fromkeys(QUARANTINE_COLUMNS, "") | {"table": where, "reason": f"{reason}: {WITHOUT_TABLE[name]}"}
    unknown = pd.DataFrame([row | {"cure": f"download {name} from LONI"}])
    empty = pd.DataFrame(columns=TABLE_COLUMNS[name], dtype=str)
    if name in (QUALITY, MAYO):
        return _Part(empty, unknown[:0], unknown, [], where)
    return _Part(empty, unknown[:0], unknown[:0], [row["reason"]], where)


def _read_part(source: Source, name: str, needed: bool) -> _Part:
    """Read one file; `needed`: it must have a usable row."""
    path = source.path
    frame, notes = to_legacy(_read_strings(path), name)
    absent = [column for column in TABLE_COLUMNS[name] if column not in frame]
    missing = [column for column in absent if column in NEEDED_COLUMNS.get(name, [])]
    if missing:
        found = f"columns {', '.join(frame.columns[:12])}"
        raise UserError(path, f"{name}'s column {', '.join(missing)}", found, "download the full table")
    frame = frame.assign(**dict.fromkeys(absent, ""))
    if needed and frame.empty:
        raise UserError(path, "at least one row", "a header only", "download it again")
    good, quarantine = set_aside(frame, name, path.name, source.legacy)
    if needed and good.empty:
        first = quarantine.iloc[0]
        raise UserError(path, "at least one usable row", f"none; line 2: {first['reason']}", first["cure"])
    good, unknown = blank_labels(good, name, path.name, absent)
    if name == MERGE:
        good, twice, contradicted = settle(good, path.name)
        quarantine, unknown = pd.concat([quarantine, twice]), pd.concat([unknown, contradicted])
    if len(quarantine):
        worst = quarantine["reason"].value_counts().index[0]
        logger.info("%s: %d of %d rows set aside, most: %s", path.name, len(quarantine), len(frame), worst)
    return _Part(good, quarantine, unknown, [f"{path.name}: {note}" for note in notes], path.name)


def _read_strings(path: Path) -> pd.DataFrame:
    try:
        frame = read_table(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(path, "a comma-separated UTF-8 table", str(error), "download it again") from None
    frame.columns = frame.columns.str.strip()
    doubled = frame.columns[frame.columns.duplicated()]
    if len(doubled):
        raise UserError(path, "each column once", f"twice: {', '.join(doubled)}", "download it again")
    return frame.apply(lambda column: column.str.strip())


def _join_images(parts: list[_Part], phases: dict[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """One list of images: of each image the row of the first file that lists it."""
    images: list[pd.DataFrame] = []
    notes: list[str] = []
    for part in parts:
        frame, more = name_visits(part.frame, phases)
        notes += [f"{part.file}: {note}" for note in more]
        known = {image for earlier in images for image in earlier["ImageUID"]}
        images.append(frame[~frame["ImageUID"].isin(known)])
    return pd.concat(images) if len(images) > 1 else images[0], notes
