"""What a download holds: the images on disk held against MPRAGEMETA, cut into shards of subjects."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import pandas as pd

from ldae.cohort.adni_tables import (
    MERGE,
    META,
    PTID,
    Tables,
    hash_tables,
    label_of,
    nominal_field,
    read_tables,
    session_of,
)
from ldae.cohort.columns import INVENTORY_COLUMNS, QUARANTINE_COLUMNS
from ldae.cohort.disk import check_level, find_subjects, list_files
from ldae.errors import UserError
from ldae.files import write_table

logger = logging.getLogger(__name__)


def shard_of(subject: str, shards: int) -> int:
    """Shard of a subject: a stable hash of its label, so that new subjects leave the others where they are."""
    return int(hashlib.sha256(subject.encode()).hexdigest()[:12], 16) % shards


def build_inventory(
    dicom_dir: str | Path,
    clinical_dir: str | Path,
    inventory: str | Path,
    quarantine: str | Path,
    shard_tables: list[str],
) -> None:
    """Write the images to convert, the same cut into shards, and what was set aside with reason and cure.

    Raises
    ------
    UserError
        The folders or tables are not a usable ADNI download.
    """
    check_level(dicom_dir)
    tables = read_tables(clinical_dir)
    images, set_aside = list_images(tables, list_files(dicom_dir), find_subjects(dicom_dir), len(shard_tables))
    if images.empty:
        reasons = set_aside["reason"].value_counts().head(3).to_dict()
        found = "; ".join(f"{count} x {reason}" for reason, count in reasons.items()) or "no image file"
        raise UserError(dicom_dir, "at least one T1 image listed in MPRAGEMETA", found, "check both folders")
    logger.info("%d images of %d subjects, %d set aside", len(images), images["subject"].nunique(), len(set_aside))
    write_table(inventory, images)
    write_table(quarantine, set_aside)
    for shard, path in enumerate(shard_tables):
        write_table(path, images[images["shard"] == shard])


def list_images(
    tables: Tables, files: pd.DataFrame, subjects: list[str], shards: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold disk and tables against each other.

    Rows of MPRAGEMETA without files are left out: so "Processed" rows of a download that holds only original series
    cannot make scans vanish.

    Returns
    -------
    images, quarantine
        Columns `INVENTORY_COLUMNS` and `QUARANTINE_COLUMNS`; what is set aside concerns only subjects on disk, but
        for one line that counts the listed subjects without a folder.
    """
    meta = tables.frames[META]
    listed = pd.DataFrame(
        {
            "listed_ptid": meta["SubjectID"],
            "image_id": meta["ImageUID"],
            "series_id": meta["SeriesID"],
            "visit": meta["Visit"],
            "scan_date": meta["ScanDate"],
            "sequence": meta["Sequence"],
            "source": meta["Orig/Proc"].str.lower(),
            "field_strength_t": meta["MagStrength"].astype(float).map(nominal_field),
        }
    ).drop_duplicates("image_id")
    images = files.merge(listed, on="image_id", how="left")
    images["reason"], images["cure"] = _judge(images, tables)
    good = images[images["reason"].eq("")].copy()
    good["subject"] = good["ptid"].map(label_of)
    good["shard"] = [shard_of(subject, shards) for subject in good["subject"]]
    of_subject = {ptid: tables.of_subject(ptid) for ptid in good["ptid"].unique()}
    clinical = {ptid: hash_tables(frames) for ptid, frames in of_subject.items()}
    good["clinical_hash"] = good["ptid"].map(clinical)
    good["session"] = [
        _nearest_session(of_subject[row.ptid][MERGE], row.scan_date) for row in good.itertuples(index=False)
    ]
    bad = images[images["reason"].ne("")].assign(table=META, line="", session="")
    bad["subject"] = bad["ptid"].map(label_of)
    labels = set(map(label_of, subjects))
    rows = tables.quarantine[tables.quarantine["subject"].isin(labels) & tables.quarantine["image_id"].eq("")]
    parts = [rows, bad[QUARANTINE_COLUMNS], _absent(listed, files, subjects)]
    quarantine = pd.concat([part for part in parts if len(part)] or [rows], ignore_index=True)
    return (
        good[INVENTORY_COLUMNS].sort_values(["subject", "scan_date", "image_id"], ignore_index=True),
        quarantine.sort_values(["subject", "image_id"], ignore_index=True, kind="stable"),
    )


def _nearest_session(visits: pd.DataFrame, scan_date: str) -> str:
    days = (pd.to_datetime(visits["EXAMDATE"]) - pd.Timestamp(scan_date)).abs()
    return session_of(visits["VISCODE"][days.idxmin()])


def _judge(images: pd.DataFrame, tables: Tables) -> tuple[pd.Series, pd.Series]:
    """Reason and cure for each image on disk that cannot be converted; empty for the others."""
    known = set(tables.frames[MERGE]["PTID"])
    poisoned = tables.quarantine[tables.quarantine["image_id"].ne("")].drop_duplicates("image_id")
    poison = images["image_id"].map(dict(zip(poisoned["image_id"], poisoned["reason"], strict=True)))
    checks = [
        (
            ~images["ptid"].str.fullmatch(PTID),
            "Clinica 0.12 cannot convert subjects with five-digit codes (ADNI4)",
            "none yet",
        ),
        (
            images["image_id"].eq(""),
            "neither the file names (…_I123456.dcm) nor the folder (I123456) give an image ID",
            "keep the names of LONI's archive",
        ),
        (
            images.duplicated("image_id", keep=False),
            "the image is on disk more than once",
            "keep one copy",
        ),
        (
            poison.notna(),
            "its row in MPRAGEMETA was set aside: " + poison.astype(str),
            "correct the row",
        ),
        (images["listed_ptid"].isna(), "not listed in MPRAGEMETA", "download the current MPRAGEMETA"),
        (
            images["listed_ptid"].notna() & images["listed_ptid"].ne(images["ptid"]),
            "MPRAGEMETA lists the image for another subject",
            "move it to its own subject's folder",
        ),
        (
            ~images["ptid"].isin(known),
            "the subject has no usable row in ADNIMERGE",
            "download the current ADNIMERGE, or correct the rows set aside here",
        ),
    ]
    reason, cure = pd.Series("", index=images.index), pd.Series("", index=images.index)
    for bad, why, what in checks:
        first = bad & reason.eq("")
        reason[first], cure[first] = why if isinstance(why, str) else why[first], what
    return reason, cure


def _absent(listed: pd.DataFrame, files: pd.DataFrame, subjects: list[str]) -> pd.DataFrame:
    """Original images listed for a subject on disk whose visit has no file, and how many subjects have no folder."""
    empty = {"session": "", "image_id": "", "table": META, "line": ""}
    here = listed[listed["listed_ptid"].isin(subjects)]
    present = here[here["image_id"].isin(files["image_id"])]
    visits = set(zip(present["listed_ptid"], present["visit"], strict=True))
    without = here[(here["source"] == "original") & ~here["image_id"].isin(files["image_id"])]
    rows = [
        empty
        | {
            "subject": label_of(row.listed_ptid),
            "image_id": row.image_id,
            "reason": "listed in MPRAGEMETA, but no file on disk",
            "cure": "download the image again, if you meant to have it",
        }
        for row in without.itertuples(index=False)
        if (row.listed_ptid, row.visit) not in visits
    ]
    missing = listed.loc[~listed["listed_ptid"].isin(subjects), "listed_ptid"].nunique()
    if missing:
        reason = f"{missing} subjects listed in MPRAGEMETA have no folder on disk"
        rows.append(empty | {"subject": "", "reason": reason, "cure": "none, if you downloaded a part of ADNI"})
    return pd.DataFrame(rows, columns=QUARANTINE_COLUMNS)
