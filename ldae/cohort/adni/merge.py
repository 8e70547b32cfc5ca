"""The shards' images with what ADNIMERGE says of each visit, as one BIDS dataset and one table of the conversion.

The visit is looked up anew in every run, so a corrected clinical table refreshes the tables and leaves images alone.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pandas as pd

from ldae.cohort.adni.names import MERGE, ptid_of
from ldae.cohort.adni.tables import read_tables
from ldae.cohort.adni.timeline import place_visits
from ldae.cohort.adni.visits import list_visits, visit_facts, write_sessions
from ldae.cohort.bids.description import describe
from ldae.cohort.columns import CONVERSION_COLUMNS, IMAGE_COLUMNS, STRATA_COLUMNS, VISIT_COLUMNS
from ldae.cohort.losses import expect_few_losses
from ldae.errors import UserError
from ldae.files import read_table, write_json, write_table

logger = logging.getLogger(__name__)


def merge_shards(
    manifests: list[str],
    clinical_dir: str | Path,
    *,
    conversion: str | Path,
    visits: str | Path,
    participants: str | Path,
    description: str | Path,
    max_lost_fraction: float,
) -> None:
    """Join the shards and what the visits say; write the tables of the BIDS dataset, beside `participants`.

    Folders of subjects without a converted image, such as those that left the download, are removed from the dataset.

    Parameters
    ----------
    manifests : shards of the conversion, columns `IMAGE_COLUMNS`
    clinical_dir : the clinical tables
    conversion : table to write, one row per image, columns `CONVERSION_COLUMNS`
    visits : table to write, one row per visit of the subjects, with or without a scan, columns `VISIT_COLUMNS`
    participants, description : ``participants.tsv`` and ``dataset_description.json`` of the dataset
    max_lost_fraction : share of the dataset's subjects that may have left the download since (`losses`)

    Raises
    ------
    UserError
        No image was converted, the tables lack the visit of a converted image, or too many subjects are gone.
    """
    images = _read_images(manifests)
    converted = images[images["status"] == "converted"]
    if converted.empty:
        reasons = "; ".join(f"{count} x {reason}" for reason, count in images["reason"].value_counts().head(3).items())
        raise UserError("the BIDS conversion", "at least one converted image", reasons or "no image", "see the reasons")
    logger.info("%d of %d images converted", len(converted), len(images))
    for reason, count in images.loc[images["status"] != "converted", "reason"].value_counts().items():
        logger.warning("%d not converted: %s", count, reason)
    bids_dir = Path(participants).parent
    folders = {folder.name.removeprefix("sub-") for folder in bids_dir.glob("sub-*")}
    expect_few_losses(bids_dir, folders - set(images["subject"]), len(folders), max_lost_fraction)
    _remove_others(bids_dir, set(converted["subject"]), set(images["subject"]))
    rows, seen = _look_up(images, clinical_dir)
    for subject, own in _by_subject(rows).items():
        write_sessions(bids_dir / f"sub-{subject}" / f"sub-{subject}_sessions.tsv", own)
    table = pd.DataFrame(rows, columns=CONVERSION_COLUMNS).astype(str)
    write_table(conversion, table)
    logger.info("%d of %d visits have a converted image", seen["image_id"].ne("").sum(), len(seen))
    write_table(visits, seen.sort_values(["subject", "session"]))
    write_table(participants, list_participants(table[table["status"] == "converted"]))
    write_json(description, describe("raw", "ADNI, T1-weighted", "clinica", "dcm2niix"))


def write_strata(manifests: list[str], clinical_dir: str | Path, strata: str | Path) -> None:
    """Write what the split is stratified by, one row per converted image, columns `STRATA_COLUMNS`.

    Parameters
    ----------
    manifests, clinical_dir : as `merge_shards`
    strata : table to write

    Raises
    ------
    UserError
        The tables lack the visit of a converted image.
    """
    rows, _ = _look_up(_read_images(manifests), clinical_dir)
    write_table(strata, pd.DataFrame([row for row in rows if row["status"] == "converted"], columns=STRATA_COLUMNS))


def _read_images(manifests: list[str]) -> pd.DataFrame:
    images = pd.concat([read_table(path, tuple(IMAGE_COLUMNS), dtype=str, keep_default_na=False) for path in manifests])
    return images.sort_values(["subject", "session", "image_id"], ignore_index=True)


def _look_up(images: pd.DataFrame, clinical_dir: str | Path) -> tuple[list[dict], pd.DataFrame]:
    """The images with the facts of their visits, keys `CONVERSION_COLUMNS` and more; all visits of their subjects."""
    merge = read_tables(clinical_dir).frames[MERGE]
    visits, none = dict(list(merge.groupby("PTID"))), merge.iloc[:0]
    empty = dict.fromkeys(CONVERSION_COLUMNS, "")
    rows, seen = [], []
    for subject, group in images.groupby("subject"):
        ptid = ptid_of(str(subject))
        own = place_visits(ptid, visits.get(ptid, none), group.to_dict("records"))
        facts = {visit["VISCODE"]: visit_facts(visit) for visit in own.to_dict("records")}
        listed = [empty | image | _facts_of(image, facts) for image in group.to_dict("records")]
        rows += listed
        seen += list_visits(ptid, own, listed)
    return rows, pd.DataFrame(seen, columns=VISIT_COLUMNS)


def _by_subject(rows: list[dict]) -> dict[str, list[dict]]:
    """The converted images of each subject."""
    groups: dict[str, list[dict]] = {}
    for row in rows:
        if row["status"] == "converted":
            groups.setdefault(row["subject"], []).append(row)
    return groups


def _facts_of(image: dict, facts: dict[str, dict]) -> dict:
    """What holds at the visit of a converted image."""
    if image["status"] != "converted":
        return {}
    if image["viscode"] not in facts:
        found = f"none of sub-{image['subject']} at {image['viscode']}"
        cure = "run the conversion again (snakemake --forcerun convert)"
        raise UserError("ADNIMERGE", "a usable row for the visit of every converted image", found, cure)
    return facts[image["viscode"]]


def list_participants(converted: pd.DataFrame) -> pd.DataFrame:
    """One row per subject of `participants.tsv`; APOE from ADNIMERGE, for Clinica joins it by row position."""
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
