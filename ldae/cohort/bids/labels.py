"""What a BIDS dataset's tables say of each image that is used.

What they do not say stays empty, for scans without diagnosis or age serve the stages that need none; the findings count
them.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from ldae.cohort.bids.choice import matches
from ldae.cohort.bids.facts import Facts
from ldae.cohort.bids.images import list_empty, list_unit1
from ldae.cohort.bids.index import SHARD_COLUMNS
from ldae.cohort.bids.notes import Notes, write_faults
from ldae.cohort.bids.sidecars import names_agent, read_facts, read_sidecar
from ldae.cohort.bids.spellings import note_spellings
from ldae.cohort.bids.tables import DatasetTables, read_tables
from ldae.cohort.bids.values import tell_label
from ldae.cohort.columns import CONVERSION_COLUMNS, QUARANTINE_COLUMNS, STRATA_COLUMNS
from ldae.cohort.outlook import list_gaps
from ldae.config.cohort import ColumnsConfig
from ldae.files import read_table, write_table

logger = logging.getLogger(__name__)


def write_labels(
    shards: list[str],
    bids_dir: str | Path,
    columns: ColumnsConfig,
    diagnoses: dict[str, str],
    *,
    prefer: list[str],
    set_aside: list[str],
    conversion: str | Path,
    quarantine: str | Path,
    findings: str | Path,
) -> None:
    """Join the images and what the dataset's tables say; write what is set aside, and all there is to say.

    Parameters
    ----------
    shards
        What `index` wrote.
    bids_dir
        Root of the dataset; nothing in it is changed.
    columns, diagnoses
        Names of the tables' columns, and what the values of the diagnosis mean.
    prefer
        Patterns of names that the choice of images was made by.
    set_aside
        Tables of what an earlier stage set aside, columns `QUARANTINE_COLUMNS`.
    conversion, quarantine, findings
        The tables to write.

    Raises
    ------
    UserErrors
        The tables cannot be used. The findings are written all the same.
    """
    notes, images = Notes(), _read_images(shards)
    with write_faults(findings, notes):
        tables = read_tables(bids_dir, columns, notes)
    rows = label_images(images, bids_dir, tables, columns, diagnoses, notes)
    parts = [read_table(path, tuple(QUARANTINE_COLUMNS), dtype=str, keep_default_na=False) for path in set_aside]
    parts.append(_without_image(bids_dir, set(rows["subject"]), list(tables.participants)))
    note_spellings(images, tables, notes)
    _note_choices(rows, bids_dir, prefer, notes)
    _note_what_lacks(rows, tables, notes)
    _log(notes)
    write_table(findings, notes.table())
    write_table(quarantine, pd.concat(parts, ignore_index=True))
    write_table(conversion, rows)


def write_strata(
    shards: list[str], bids_dir: str | Path, columns: ColumnsConfig, diagnoses: dict[str, str], strata: str | Path
) -> None:
    """Write what the split is stratified by, one row per image that is used, columns `STRATA_COLUMNS`.

    Parameters
    ----------
    shards, bids_dir, columns, diagnoses : as `write_labels`
    strata : table to write
    """
    notes = Notes()
    tables = read_tables(bids_dir, columns, notes)
    rows = label_images(_read_images(shards), bids_dir, tables, columns, diagnoses, notes)
    write_table(strata, rows.loc[rows["status"] == "converted", STRATA_COLUMNS])


def label_images(
    images: pd.DataFrame,
    bids_dir: str | Path,
    tables: DatasetTables,
    columns: ColumnsConfig,
    diagnoses: dict[str, str],
    notes: Notes,
) -> pd.DataFrame:
    """The images with the facts of those that are used, columns `CONVERSION_COLUMNS`."""
    scans = list(dict.fromkeys(zip(images["subject"], images["session"], strict=True)))
    facts = Facts(tables, columns, diagnoses, scans, notes)
    known = {scan: facts.of_scan(*scan) for scan in scans}
    rows = []
    for row in images.to_dict("records"):
        if row["status"] == "converted":
            own = {key: value for key, value in known[row["subject"], row["session"]].items() if value != ""}
            row = row | {"field_strength_t": _field_strength(_sidecar(row, bids_dir, notes))} | own
        rows.append(dict.fromkeys(CONVERSION_COLUMNS, "") | row)
    return pd.DataFrame(rows, columns=CONVERSION_COLUMNS)


def _read_images(shards: list[str]) -> pd.DataFrame:
    images = pd.concat([read_table(path, tuple(SHARD_COLUMNS), dtype=str, keep_default_na=False) for path in shards])
    return images.sort_values(["subject", "session", "image_id"], ignore_index=True)


def _sidecar(row: dict, bids_dir: str | Path, notes: Notes) -> dict:
    """What the JSON files of an image say."""
    try:
        return read_sidecar(row["path"], bids_dir)
    except (ValueError, PermissionError, IsADirectoryError, RecursionError):
        where = f"{row['image_id']}.json or T1w.json"
        notes.add(where, "a JSON object that can be read", "something else", "correct or remove the file")
        return {}


def _field_strength(sidecar: dict) -> float | str:
    """MagneticFieldStrength in tesla; empty if there is none."""
    tesla = sidecar.get("MagneticFieldStrength")
    return tesla if isinstance(tesla, int | float) else ""


def _without_image(bids_dir: str | Path, imaged: set[str], participants: list[str]) -> pd.DataFrame:
    """Empty `anat` folders, where a converter lost an image, and participants of whom there is none."""
    empty = dict.fromkeys(QUARANTINE_COLUMNS, "")
    rows = [
        empty
        | {"subject": image.subject, "session": image.session, "image_id": image.name}
        | {"reason": "the anat folder is empty", "cure": "see the converter's log; convert or download it again"}
        for image in list_empty(bids_dir)
    ]
    rows += [
        empty
        | {"subject": image.subject, "session": image.session, "image_id": image.name}
        | {"reason": "no T1w image; UNIT1, MP2RAGE's uniform image, whose background is noise, is not used"}
        | {"cure": "suppress its background, and name the result _T1w"}
        for image in list_unit1(bids_dir)
    ]
    lost = {row["subject"] for row in rows}
    for subject in sorted(set(participants) - imaged - lost):
        reason = {"reason": "a participant without T1w image", "cure": "none, if there is no scan"}
        rows.append(empty | {"subject": tell_label(subject), "table": "participants.tsv"} | reason)
    return pd.DataFrame(rows, columns=QUARANTINE_COLUMNS)


def _note_choices(rows: pd.DataFrame, bids_dir: str | Path, prefer: list[str], notes: Notes) -> None:
    """Note the used images with a contrast agent or of another contrast, and preferences that no image's name has."""
    sound = rows[rows["status"] != "broken"]
    names = [dict(part.split("-", 1) for part in name.split("_")[:-1]) for name in sound["image_id"]]
    for row, labels in zip(sound.to_dict("records"), names, strict=True):
        if row["status"] != "converted":
            continue
        facts, cure = (
            read_facts(row["path"], bids_dir),
            "none, if such images may be used; else name them in cohort.exclude",
        )
        if names_agent(labels) or facts.has_agent:
            found = "one, by name or JSON file"
            notes.add("contrast agent", "images without contrast agent", found, cure, row["image_id"])
        if facts.other_contrast:
            found = f"{facts.other_contrast}, by the JSON file"
            notes.add("contrast", "T1-weighted images", found, cure, row["image_id"])
    for pattern in prefer:
        if not any(matches(pattern, labels) for labels in names):
            notes.add("cohort.prefer", f"an image with {pattern} in its name", "none", "correct or remove the pattern")


def _note_what_lacks(rows: pd.DataFrame, tables: DatasetTables, notes: Notes) -> None:
    """Note what the later stages will lack."""
    used = rows[rows["status"] == "converted"]
    there = ", ".join(dict.fromkeys((*tables.participant_columns, *tables.session_columns))) or "none"
    for key in ("age", "sex", "diagnosis"):
        if not used[key].ne("").any():
            values = " and its values in cohort.diagnoses" if key == "diagnosis" else ""
            cure = f"name the column in cohort.columns.{key}{values}, if there is one"
            notes.add(key, f"a known {key} of some scan", f"none; the tables' columns are {there}", cure)
    for gap in list_gaps(used):
        notes.add(*gap)


def _log(notes: Notes) -> None:
    for note in notes.table().itertuples(index=False):
        level = logging.WARNING if note.severity == "warning" else logging.INFO
        logger.log(level, "%s: expected %s, found %s; %s", note.where, note.expected, note.found, note.cure)
