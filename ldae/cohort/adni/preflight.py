"""The check of a download before any work: everything that is wrong with it, at once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from ldae.cohort.adni.findings import by_kind, count, describe_unknown, finding
from ldae.cohort.adni.headers import OTHER, SOUND, VERDICT_COLUMNS, check_headers
from ldae.cohort.adni.inventory import list_faults, list_images
from ldae.cohort.adni.names import MERGE, label_of
from ldae.cohort.adni.tables import ClinicalTables, read_tables
from ldae.cohort.adni.visits import DIAGNOSIS
from ldae.cohort.columns import FINDING_COLUMNS, INVENTORY_COLUMNS, QUARANTINE_COLUMNS
from ldae.cohort.disk import DISK_COLUMNS, check_level, find_subjects, list_files, list_others
from ldae.cohort.outlook import list_gaps
from ldae.cohort.pilot import EVERYBODY, EXCLUDE_CURE, Pilot
from ldae.errors import UserError, UserErrors
from ldae.files import write_table

logger = logging.getLogger(__name__)
Given = TypeVar("Given")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Preflight:
    """What a download holds and what is wrong with it.

    Attributes
    ----------
    files : every image on disk, columns of `disk.list_files` and `headers.check_headers`
    images : what can be converted, `INVENTORY_COLUMNS`
    quarantine : what is set aside, `QUARANTINE_COLUMNS`
    findings : all there is to say, `FINDING_COLUMNS`; severity ``error``, ``warning`` (set aside) or ``note`` (assumed)
    errors : the faults that stop everything
    """

    files: pd.DataFrame
    images: pd.DataFrame
    quarantine: pd.DataFrame
    findings: pd.DataFrame
    errors: list[UserError]


def check_download(
    dicom_dir: str | Path,
    clinical_dir: str | Path,
    *,
    shards: int,
    workers: int,
    state: str | Path | None = None,
    pilot: Pilot = EVERYBODY,
) -> Preflight:
    """Read folders, tables and the headers of every image.

    Parameters
    ----------
    dicom_dir, clinical_dir
        The download; nothing in it is changed.
    shards
        How many shards the images are cut into.
    workers
        Processes that read headers.
    state
        CSV that keeps the verdicts on images, see `headers.check_headers`.
    pilot
        Which subjects and sessions are used; of the others nothing is said.
    """
    errors: list[UserError] = []
    tables = _collect(errors, read_tables, clinical_dir)
    _collect(errors, check_level, dicom_dir)
    on_disk = Path(dicom_dir).is_dir()
    everybody = find_subjects(dicom_dir) if on_disk else []
    chosen = _collect(errors, pilot.choose_subjects, {label_of(ptid): ptid for ptid in everybody}) or ()
    subjects = [ptid for ptid in everybody if label_of(ptid) in chosen]
    files = pd.DataFrame(columns=[*DISK_COLUMNS, *VERDICT_COLUMNS])
    if subjects:
        on_disk_files = list_files(dicom_dir)
        used = on_disk_files[on_disk_files["ptid"].isin(subjects)]
        files = _check_files(used, dicom_dir, pilot, workers, state)
    images = pd.DataFrame(columns=INVENTORY_COLUMNS)
    notes: list[str] = []
    if tables is None:
        faulty = files[files["verdict"].ne(SOUND)]
        quarantine = list_faults(faulty.assign(reason=faulty["fault"], cure=faulty["fault_cure"]))
    else:
        others = {*everybody} - {*subjects}
        images, quarantine, notes = list_images(tables, files, subjects, shards, others)
        total, sessions = len(images), _collect(errors, pilot.choose_sessions, images["session"])
        images = images[images["session"].isin(sessions or ())]
        notes += filter(None, [pilot.describe(images["subject"].nunique(), len(images), total)])
    if images.empty and not errors:
        errors.append(_nothing_usable(dicom_dir, quarantine))
    parts = [_describe_errors(errors), _describe_set_aside(tables, quarantine)]
    parts += [describe_unknown(tables, images, subjects)] if tables else []
    parts += [_describe_folders(dicom_dir, subjects, files) if on_disk else [], _describe_notes(tables, notes)]
    parts += [_describe_gaps(tables, images) if tables and len(images) else []]
    findings = pd.DataFrame([row for part in parts for row in part], columns=FINDING_COLUMNS)
    return Preflight(files, images, quarantine, findings, errors)


def _check_files(
    files: pd.DataFrame, dicom_dir: str | Path, pilot: Pilot, workers: int, state: str | Path | None
) -> pd.DataFrame:
    """The files with the verdicts of `headers.check_headers`; no header is read of what the pilot leaves out."""
    names = [
        (row.image_id, f"I{row.image_id}", row.ptid, label_of(row.ptid), f"sub-{label_of(row.ptid)}")
        for row in files.itertuples(index=False)
    ]
    pilot.warn_of_unknown({name for of_image in names for name in of_image})
    reasons = pd.Series([pilot.why_excluded(*of_image) for of_image in names], files.index, dtype=str)
    excluded = reasons.ne("")
    out = files[excluded].assign(verdict=OTHER, fault=reasons[excluded], fault_cure=EXCLUDE_CURE, header_field_t="")
    checked = check_headers(files[~excluded], dicom_dir, workers=workers, state=state)
    return pd.concat([checked, out], ignore_index=True) if len(out) else checked


def write_inventory(
    dicom_dir: str | Path,
    clinical_dir: str | Path,
    *,
    inventory: str | Path,
    shard_tables: list[str],
    findings: str | Path,
    state: str | Path,
    workers: int,
    pilot: Pilot = EVERYBODY,
) -> None:
    """Check a download; write the images to convert, the same cut into shards, and the findings.

    Raises
    ------
    UserErrors
        The folders or tables are no usable ADNI download. The findings are written all the same.
    """
    shards = len(shard_tables)
    checked = check_download(dicom_dir, clinical_dir, shards=shards, workers=workers, state=state, pilot=pilot)
    _write_findings(checked, findings)
    logger.info("%d of %d images on disk can be converted", len(checked.images), len(checked.files))
    write_table(inventory, checked.images)
    for shard, path in enumerate(shard_tables):
        write_table(path, checked.images[checked.images["shard"] == shard])


def write_check(
    dicom_dir: str | Path,
    clinical_dir: str | Path,
    *,
    quarantine: str | Path,
    findings: str | Path,
    state: str | Path,
    workers: int,
    pilot: Pilot = EVERYBODY,
) -> None:
    """Check a download; write what is set aside, and write and say the findings.

    Raises
    ------
    UserErrors
        As `write_inventory`.
    """
    checked = check_download(dicom_dir, clinical_dir, shards=1, workers=workers, state=state, pilot=pilot)
    _write_findings(checked, findings)
    for row in checked.findings.itertuples(index=False):
        level = logging.WARNING if row.severity == "warning" else logging.INFO
        logger.log(level, "%s: %s", row.where, row.found)
    write_table(quarantine, checked.quarantine)


def _write_findings(checked: Preflight, findings: str | Path) -> None:
    write_table(findings, checked.findings)
    if checked.errors:
        raise UserErrors(checked.errors)


def describe_check(checked: Preflight, dicom_dir: str | Path, clinical_dir: str | Path) -> str:
    """What a person wants to know of a check, as text."""
    subjects = checked.files["ptid"].nunique()
    lines = [
        f"images: {dicom_dir}",
        f"tables: {clinical_dir}",
        f"{len(checked.files)} images of {subjects} subjects on disk, {len(checked.images)} can be converted",
    ]
    titles = {
        "error": "Errors: nothing is converted until these are mended",
        "warning": "Warnings: what is left out, and what is not known of the rest",
        "note": "Notes: what was assumed",
    }
    for severity, title in titles.items():
        found = checked.findings[checked.findings["severity"] == severity]
        if len(found):
            lines += ["", title]
        for row in found.itertuples(index=False):
            lines.append(f"- {row.where}: {row.found}")
            lines += [f"    expected: {row.expected}"] if row.severity == "error" else []
            lines += [f"    cure: {row.cure}"] if row.cure else []
    return "\n".join(lines)


def _collect(errors: list[UserError], check: Callable[[Given], Result], given: Given) -> Result | None:
    """Result of a check; its faults join `errors`."""
    try:
        return check(given)
    except UserError as error:
        errors += getattr(error, "errors", [error])
        return None


def _nothing_usable(dicom_dir: str | Path, quarantine: pd.DataFrame) -> UserError:
    reasons = quarantine["reason"].value_counts().head(3).items()
    found = "; ".join(f"{count} x {reason}" for reason, count in reasons) or "no image file"
    return UserError(dicom_dir, "at least one T1 image listed in MPRAGEMETA", found, "check both folders")


def _describe_errors(errors: list[UserError]) -> list[dict]:
    return [finding("error", error.where, error.expected, error.found, error.cure) for error in errors]


def _describe_set_aside(tables: ClinicalTables | None, quarantine: pd.DataFrame) -> list[dict]:
    """A warning for each kind of reason: how many, and the first of them."""
    rows = pd.DataFrame(columns=QUARANTINE_COLUMNS) if tables is None else tables.quarantine
    findings = []
    for (table, _, cure), group in by_kind(rows):
        first = group.iloc[0]
        found = f"{count(group, 'row')}line {first['line']}: {first['reason']}"
        findings.append(finding("warning", table, "rows by which images are found", found, cure))
    for (_, _, cure), group in by_kind(quarantine[quarantine["line"].eq("")]):
        first = group.iloc[0]
        example = f"{count(group, 'image')}{first['image_id']} of {first['subject']}: " if first["image_id"] else ""
        expected = "complete, listed T1-weighted volumes"
        findings.append(finding("warning", "images", expected, example + first["reason"], cure))
    return findings


def _describe_folders(dicom_dir: str | Path, subjects: list[str], files: pd.DataFrame) -> list[dict]:
    """Folders that the check does not read, or in which it found nothing."""
    expected = "a folder with one folder per subject, such as 011_S_4102"
    holding, others = list_others(dicom_dir)
    findings = []
    if holding and subjects:
        found = f"subjects deeper in {len(holding)} folders, which are not read"
        findings.append(finding("warning", dicom_dir, expected, found, "move those subjects' folders up"))
    empty = sorted(set(subjects) - set(files["ptid"]))
    if empty:
        found = f"{len(empty)} subjects' folders without an image file, e.g. {empty[0]}"
        findings.append(finding("warning", dicom_dir, "images in each", found, "unpack all of LONI's archives"))
    if others and subjects:
        found = f"{len(others)} other entries, which are not read"
        findings.append(finding("note", dicom_dir, expected, found, "none, if they are not images"))
    return findings


def _describe_gaps(tables: ClinicalTables, images: pd.DataFrame) -> list[dict]:
    """What the tables will lack; the diagnoses of a subject's visits count, with or without a scan."""
    visits = tables.frames[MERGE]
    visits = visits[visits["PTID"].isin(set(images["ptid"]))]
    labels = visits.assign(subject=visits["PTID"], diagnosis=visits["DX"].map(DIAGNOSIS), age=visits["AGE"])
    return [finding("warning", *gap) for gap in list_gaps(labels)]


def _describe_notes(tables: ClinicalTables | None, notes: list[str]) -> list[dict]:
    said = ([] if tables is None else list(tables.notes)) + notes
    return [finding("note", "the tables", "", note, "") for note in said]
