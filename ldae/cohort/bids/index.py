"""Any BIDS dataset as the table that the conversion of ADNI gives, so that later stages need not know the difference.

The images are used in place. A T1w image ends as a row of the table: converted, unselected (another of its session is
used) or broken, with reason and cure. What the tables do not say stays empty, for scans without diagnosis or age serve
the stages that need none; the findings count them.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from ldae.cohort.bids.images import Image, list_empty, list_images, orientation_of, sidecar_of
from ldae.cohort.bids.layout import check_dataset
from ldae.cohort.bids.tables import DatasetTables, Facts, Notes, read_tables
from ldae.cohort.columns import CONVERSION_COLUMNS, FINDING_COLUMNS, IMAGE_COLUMNS, QUARANTINE_COLUMNS
from ldae.cohort.shards import shard_of
from ldae.config.cohort import ColumnsConfig
from ldae.errors import UserError, UserErrors
from ldae.files import read_table, write_table

logger = logging.getLogger(__name__)

# What a dataset's tables may say, if only of the scanner, stays out of the shards.
SHARD_COLUMNS = [name for name in IMAGE_COLUMNS if name not in ("viscode", "field_strength_t")]
ONE_A_SESSION = "none: one T1w image a session is used"


def write_index(
    bids_dir: str | Path,
    source: str,
    columns: ColumnsConfig,
    diagnoses: dict[str, str],
    *,
    set_aside: list[str],
    conversion: str | Path,
    quarantine: str | Path,
    findings: str | Path,
) -> None:
    """Index a BIDS dataset; write a row per image, what is set aside, and all there is to say.

    Parameters
    ----------
    bids_dir
        Root of the dataset; nothing in it is changed.
    source
        ``bids``, or the converter that made the dataset.
    columns, diagnoses
        Names of the tables' columns, and what the values of the diagnosis mean.
    set_aside
        Tables of what an earlier stage set aside, columns `QUARANTINE_COLUMNS`.
    conversion, quarantine, findings
        The tables to write.

    Raises
    ------
    UserErrors
        The dataset or its tables cannot be used. The findings are written all the same.
    """
    notes = Notes()
    try:
        rows, without_image = index_dataset(bids_dir, source, columns, diagnoses, notes)
    except UserError as error:
        errors = getattr(error, "errors", [error])
        faults = [("error", fault.where, fault.expected, fault.found, fault.cure) for fault in errors]
        write_table(findings, pd.concat([pd.DataFrame(faults, columns=FINDING_COLUMNS), notes.table()]))
        raise
    parts = [read_table(path, tuple(QUARANTINE_COLUMNS), dtype=str, keep_default_na=False) for path in set_aside]
    _say(rows, notes)
    write_table(findings, notes.table())
    write_table(quarantine, pd.concat([*parts, without_image], ignore_index=True))
    write_table(conversion, rows)


def cut_shards(conversion: str | Path, shard_tables: list[str]) -> None:
    """Cut the index into shards of subjects, columns `SHARD_COLUMNS`: the images alone, nothing of the person."""
    rows = read_table(conversion, tuple(SHARD_COLUMNS), dtype=str, keep_default_na=False)[SHARD_COLUMNS]
    shards = rows["subject"].map(lambda subject: shard_of(subject, len(shard_tables)))
    for shard, path in enumerate(shard_tables):
        write_table(path, rows[shards == shard])


def index_dataset(
    bids_dir: str | Path, source: str, columns: ColumnsConfig, diagnoses: dict[str, str], notes: Notes
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row per T1w image, columns `CONVERSION_COLUMNS`, and what lacks an image, `QUARANTINE_COLUMNS`.

    Raises
    ------
    UserErrors
        No usable dataset, no usable tables (both said at once), or no T1w image that can be used.
    """
    tables = _check(bids_dir, columns, notes)
    sessions = list_images(bids_dir)
    facts = Facts(tables, columns, diagnoses, list(sessions), notes)
    rows = []
    for first, *others in sessions.values():
        known = {"field_strength_t": _field_strength(first, bids_dir, notes)}
        known |= {key: value for key, value in facts.of_scan(first.subject, first.session).items() if value != ""}
        rows += [row | {"source": source} for row in _list_session(first, others, known)]
    table = pd.DataFrame(rows, columns=CONVERSION_COLUMNS)
    if not table["status"].eq("converted").any():
        reasons = "; ".join(f"{count} x {reason}" for reason, count in table["reason"].value_counts().head(3).items())
        raise UserErrors([UserError(bids_dir, "at least one T1w image that can be used", reasons, "see the reasons")])
    return table.sort_values(["subject", "session", "image_id"], ignore_index=True), _without_image(
        bids_dir, set(table["subject"]), list(tables.participants)
    )


def _check(bids_dir: str | Path, columns: ColumnsConfig, notes: Notes) -> DatasetTables:
    """The dataset's tables; what is wrong with them and with its folders is said at once."""
    errors: list[UserError] = []
    try:
        check_dataset(bids_dir)
    except UserError as error:
        errors.append(error)
    try:
        tables = read_tables(bids_dir, columns, notes)
    except UserError as error:
        errors.append(error)
    if errors:
        raise UserErrors(errors)
    return tables


def _list_session(first: Image, others: list[Image], facts: dict) -> list[dict]:
    """Rows of one session: the image that is used, with its facts, and the others with the reason why not."""
    empty = dict.fromkeys(CONVERSION_COLUMNS, "")
    why = f"{first.name} of this session is used: the fewest entities, then the lowest run"
    rows = []
    for image in (first, *others):
        row = empty | {"subject": image.subject, "session": image.session, "image_id": image.name}
        row["visit"] = image.session
        if image.fault:
            row |= {"status": "broken", "reason": image.fault, "cure": image.cure}
        elif image is not first:
            row |= {"status": "unselected", "reason": why, "cure": ONE_A_SESSION}
        else:
            row |= {"status": "converted", "path": image.path.as_posix(), "orientation": orientation_of(image.path)}
            row |= {"choice": f"first of {1 + len(others)} by entities and run" if others else "the only T1w image"}
            row |= facts
        rows.append(row)
    return rows


def _field_strength(image: Image, bids_dir: str | Path, notes: Notes) -> float | str:
    try:
        tesla = sidecar_of(image, bids_dir).get("MagneticFieldStrength")
    except ValueError:
        notes.add(f"{image.name}.json or T1w.json", "JSON", "something else", "correct or remove the file")
        return ""
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
    lost = {row["subject"] for row in rows}
    for subject in sorted(set(participants) - imaged - lost):
        reason = {"reason": "a participant without T1w image", "cure": "none, if there is no scan"}
        rows.append(empty | {"subject": subject, "table": "participants.tsv"} | reason)
    return pd.DataFrame(rows, columns=QUARANTINE_COLUMNS)


def _say(rows: pd.DataFrame, notes: Notes) -> None:
    """Log what a person wants to know; note what the later stages will lack."""
    used = rows[rows["status"] == "converted"]
    logger.info("%d of %d T1w images are used, of %d subjects", len(used), len(rows), used["subject"].nunique())
    for reason, count in rows.loc[rows["reason"] != "", "reason"].value_counts().items():
        logger.warning("%d not used: %s", count, reason)
    for label in ("CN", "AD"):
        if label not in set(used["diagnosis"]):
            cure = "name the column in cohort.columns.diagnosis and its values in cohort.diagnoses"
            notes.add("diagnosis", f"scans of {label}, for the probe of AD against CN", "none", cure)
    for note in notes.table().itertuples(index=False):
        level = logging.WARNING if note.severity == "warning" else logging.INFO
        logger.log(level, "%s: expected %s, found %s; %s", note.where, note.expected, note.found, note.cure)
