"""The shards' conversions merged into one BIDS dataset with one report."""

from __future__ import annotations

import logging
import shutil
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from ldae.cohort.columns import REPORT_COLUMNS, VISIT_COLUMNS
from ldae.errors import UserError
from ldae.files import read_table, write_json, write_table

logger = logging.getLogger(__name__)

BIDS_VERSION = "1.10.0"


def merge_shards(
    manifests: list[str],
    visit_tables: list[str],
    report: str | Path,
    visits: str | Path,
    participants: str | Path,
    description: str | Path,
) -> None:
    """Write the conversion report, the visits with or without a scan, `participants.tsv` and the description.

    Folders of subjects without a converted image, such as those that left the download, are removed from the dataset.

    Raises
    ------
    UserError
        No image was converted.
    """
    table = pd.concat([read_table(path, tuple(REPORT_COLUMNS), dtype=str, keep_default_na=False) for path in manifests])
    table = table.sort_values(["subject", "session", "image_id"], ignore_index=True)
    converted = table[table["status"] == "converted"]
    if converted.empty:
        reasons = "; ".join(f"{count} x {reason}" for reason, count in table["reason"].value_counts().head(3).items())
        raise UserError("the BIDS conversion", "at least one converted image", reasons or "no image", "see the reasons")
    logger.info("%d of %d images converted", len(converted), len(table))
    for reason, count in table.loc[table["status"] != "converted", "reason"].value_counts().items():
        logger.warning("%d not converted: %s", count, reason)
    _remove_others(Path(participants).parent, set(converted["subject"]), set(table["subject"]))
    write_table(report, table)
    seen = pd.concat(
        [read_table(path, tuple(VISIT_COLUMNS), dtype=str, keep_default_na=False) for path in visit_tables]
    )
    logger.info("%d of %d visits have a converted image", seen["image_id"].ne("").sum(), len(seen))
    write_table(visits, seen.sort_values(["subject", "session"]))
    write_table(participants, list_participants(converted))
    write_json(description, describe("raw", "ADNI, T1-weighted", "clinica", "dcm2niix"))


def list_participants(converted: pd.DataFrame) -> pd.DataFrame:
    """One row a subject of `participants.tsv`; APOE from ADNIMERGE, for Clinica joins it by row position."""
    first = converted.sort_values(["subject", "session"]).drop_duplicates("subject")
    columns = {
        "sex": first["sex"],
        "age": first["age_bl"],
        "diagnosis_baseline": first["diagnosis_bl"],
        "site": first["site"],
        "original_study": first["phase"],
        "apoe4": first["apoe4"],
        "education_years": first["education_years"],
    }
    table = pd.DataFrame({"participant_id": "sub-" + first["subject"], **columns})
    return table.replace("", "n/a").reset_index(drop=True)


def describe(kind: str, name: str, *programs: str) -> dict:
    """Content of a BIDS `dataset_description.json`.

    Parameters
    ----------
    kind : ``raw`` or ``derivative``
    name : title of the dataset
    programs : installed distributions that made it
    """
    made_by = [{"Name": program, "Version": version(program)} for program in programs]
    return {"Name": name, "BIDSVersion": BIDS_VERSION, "DatasetType": kind, "GeneratedBy": made_by}


def _remove_others(bids_dir: Path, converted: set[str], listed: set[str]) -> None:
    """Remove the folders of subjects without a converted image, and what an interrupted writing left."""
    for stale in [*bids_dir.glob(".partial-*"), *bids_dir.glob("sub-*/.partial-*")]:
        shutil.rmtree(stale)
    for folder in bids_dir.glob("sub-*"):
        subject = folder.name.removeprefix("sub-")
        if subject not in converted:
            why = "has no converted image any more" if subject in listed else "is no longer in the download"
            logger.warning("%s %s and is removed", folder, why)
            shutil.rmtree(folder)
