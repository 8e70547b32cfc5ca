"""What a download holds: the images on disk held against MPRAGEMETA, ADNIMERGE and their own headers."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import version

import pandas as pd

from ldae.cohort.adni.adapters import UNDATED
from ldae.cohort.adni.headers import BROKEN, OTHER, SOUND
from ldae.cohort.adni.names import MERGE, META, label_of, nominal_field
from ldae.cohort.adni.row_rules import converter_phases, subject_pattern
from ldae.cohort.adni.tables import ClinicalTables
from ldae.cohort.adni.timeline import phase_on
from ldae.cohort.adni.values import is_day
from ldae.cohort.adni.visits import nearest_visits
from ldae.cohort.columns import INVENTORY_COLUMNS, QUARANTINE_COLUMNS
from ldae.cohort.disk import CLOSED
from ldae.cohort.shards import shard_of

PHASE_FIELD_T = {"ADNI1": 1.5}  # every later phase scanned at 3 T
NO_ID = "neither the file names (…_I123456.dcm) nor the folder (I123456) give an image ID"


def list_images(
    tables: ClinicalTables,
    files: pd.DataFrame,
    subjects: list[str],
    shards: int,
    others: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Hold disk, tables and headers against each other.

    Rows of MPRAGEMETA without files are left out: so "Processed" rows of a download that holds only original series
    cannot make scans vanish.

    Parameters
    ----------
    tables
        The six tables.
    files
        Rows of `headers.check_headers`.
    subjects
        Codes that have a folder.
    shards
        How many shards the images are cut into.
    others
        Codes that have a folder and are not used: nothing is said of them.

    Returns
    -------
    images, quarantine, notes
        Columns `INVENTORY_COLUMNS` and `QUARANTINE_COLUMNS`, and what was assumed. What is set aside concerns only
        subjects on disk, but for one line that counts the listed subjects without a folder. An image without an ID
        stands there under its place (see `disk`).
    """
    listed = _listed(tables.frames[META])
    listed = listed[~listed["listed_ptid"].isin(others)]
    files, notes = drop_strays(files)
    images, dated = _date_scans(files.merge(listed, on="image_id", how="left"))
    images["reason"], images["cure"] = _judge(images, tables)
    good = images[images["reason"].eq("")].copy()
    good["subject"] = good["ptid"].map(label_of)
    good["shard"] = [shard_of(subject, shards) for subject in good["subject"]]
    good = good.join(nearest_visits(good, tables.frames[MERGE])[["session", "phase"]])
    good, more = _complete(good)
    notes += dated + more
    labels = set(map(label_of, subjects))
    rows = tables.quarantine[tables.quarantine["subject"].isin(labels) & tables.quarantine["image_id"].eq("")]
    parts = [rows, list_faults(images[images["reason"].ne("")]), _absent(listed, files, subjects)]
    quarantine = pd.concat([part for part in parts if len(part)] or [rows], ignore_index=True)
    return (
        good[INVENTORY_COLUMNS].sort_values(["subject", "scan_date", "image_id"], ignore_index=True),
        quarantine.sort_values(["subject", "image_id"], ignore_index=True, kind="stable"),
        notes,
    )


def list_faults(images: pd.DataFrame) -> pd.DataFrame:
    """Rows of the quarantine, for images with `reason` and `cure`; an image without an ID goes by its place."""
    bad = images.assign(table=META, line="", session="", subject=images["ptid"].map(label_of))
    bad["image_id"] = bad["image_id"].mask(bad["image_id"].eq(""), bad["place"])
    return bad[QUARANTINE_COLUMNS]


def drop_strays(files: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out single files of an image that lie in another folder of its subject, where its own holds all of it.

    Parameters
    ----------
    files : rows of `headers.check_headers`

    Returns
    -------
    files, notes
        Of an image that is sound in one folder alone, that folder; all others as they are; and what was left out.
    """
    key = [files["ptid"], files["image_id"]]
    sound = files["verdict"].eq(SOUND)
    one_sound = sound.groupby(key).transform("sum").eq(1) & files["image_id"].ne("")
    most = files["files"].groupby(key).transform("max")
    strays = one_sound & ~sound & files["files"].lt(most)
    notes = [
        f"{row.place}: {row.files} stray files of image {row.image_id} are not read: another folder holds it all"
        for row in files[strays].itertuples(index=False)
    ]
    return files[~strays], notes


def _date_scans(images: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Take the day of a scan from the name of LONI's folder where the table gives none, or one of an unknown phase."""
    folders = images["folder"].str.extract(r"/(\d{4}-\d\d-\d\d)_\d\d_\d\d_\d\d")[0].fillna("")
    listed = images["scan_date"].fillna("")
    known = listed.ne("") & listed.map(phase_on).isin(converter_phases())
    days = listed.where(known | ~folders.map(is_day).astype(bool), folders)
    other = int((listed.ne("") & days.ne(listed)).sum())
    notes = [f"day of the scan taken from the folder's name, for ScanDate is no day of ADNI1 to 3 ({other} images)"]
    visits = images["visit"].mask(images["visit"].eq(UNDATED), UNDATED + days)
    return images.assign(scan_date=days, visit=visits), notes if other else []


def _listed(meta: pd.DataFrame) -> pd.DataFrame:
    """What MPRAGEMETA says of each image; the field strength may be missing."""
    tesla = pd.to_numeric(meta["MagStrength"], errors="coerce")
    listed = {
        "listed_ptid": meta["SubjectID"],
        "image_id": meta["ImageUID"],
        "listed_series": meta["SeriesID"],
        "visit": meta["Visit"],
        "scan_date": meta["ScanDate"],
        "sequence": meta["Sequence"],
        "source": meta["Orig/Proc"].str.lower(),
        "listed_field_t": tesla.map(nominal_field, na_action="ignore"),
    }
    return pd.DataFrame(listed).drop_duplicates("image_id")


def _complete(images: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Series ID and field strength of each image from the table, else from file names and headers, and notes on it."""
    header = pd.to_numeric(images["header_field_t"], errors="coerce").map(nominal_field, na_action="ignore")
    series = images["listed_series"].where(images["listed_series"].ne(""), images["series_id"])
    of_series = header.groupby([images["ptid"], series.mask(series.eq(""))]).transform("first")
    measured = header.fillna(of_series)
    nominal = images["phase"].map(PHASE_FIELD_T).fillna(3.0)
    field = images["listed_field_t"].fillna(measured).fillna(nominal)
    unlisted = images["listed_field_t"].isna()
    counts = {
        "series ID taken from the file names": images["listed_series"].eq("") & series.ne(""),
        "series ID unknown: neither the table nor the file names give it": series.eq(""),
        "field strength taken from the headers (MagneticFieldStrength)": unlisted & measured.notna(),
        "field strength assumed from the phase (ADNI1 1.5 T, others 3 T), for no header tells": unlisted
        & measured.isna(),
        "field strength in the table, which is used, differs from the headers": header.notna()
        & ~unlisted
        & images["listed_field_t"].ne(header),
    }
    notes = [f"{what} ({int(which.sum())} of {len(images)} images)" for what, which in counts.items() if which.any()]
    return images.assign(series_id=series, field_strength_t=field), notes


def _judge(images: pd.DataFrame, tables: ClinicalTables) -> tuple[pd.Series, pd.Series]:
    """Reason and cure for each image on disk that cannot be converted; empty for the others.

    The first fault counts, but one that a new download mends is added to one of the tables.
    """
    poisoned = tables.quarantine[tables.quarantine["image_id"].ne("")].drop_duplicates("image_id")
    poison = images["image_id"].map(poisoned.set_index("image_id")["reason"])
    poison_cure = images["image_id"].map(poisoned.set_index("image_id")["cure"])
    doubled = images["image_id"].ne("") & images.duplicated("image_id", keep=False)
    checks = [
        (
            ~images["ptid"].str.fullmatch(subject_pattern()),
            f"Clinica {version('clinica')} cannot convert subjects with five-digit codes (ADNI4)",
            "none until a Clinica that converts ADNI4 is installed",
        ),
        (images["image_id"].eq("") & images["format"].ne(CLOSED), NO_ID, "keep the names of LONI's archive"),
        (doubled, "the image is on disk more than once, also in " + _other_places(images), "keep one copy"),
        (images["verdict"].eq(OTHER), images["fault"], images["fault_cure"]),
        (poison.notna(), "its row in MPRAGEMETA was set aside: " + poison.astype(str), poison_cure),
        (
            images["listed_ptid"].isna(),
            "not listed in MPRAGEMETA",
            "download the current MPRAGEMETA or All_Images, or correct its rows set aside here",
        ),
        (
            images["listed_ptid"].notna() & images["listed_ptid"].ne(images["ptid"]),
            "MPRAGEMETA lists the image for another subject",
            "move it to its own subject's folder",
        ),
        (
            images["scan_date"].eq(""),
            "nothing tells the day of the scan: neither ScanDate nor a folder's name like 2010-03-02_10_00_00.0",
            "fill in ScanDate, or keep the names of LONI's archive",
        ),
    ]
    reason, cure = pd.Series("", index=images.index), pd.Series("", index=images.index)
    for bad, why, what in checks:
        first = bad & reason.eq("")
        reason[first] = why if isinstance(why, str) else why[first]
        cure[first] = what if isinstance(what, str) else what[first]
    broken = images["verdict"].eq(BROKEN)
    reason[broken] = _joined(reason[broken], images.loc[broken, "fault"])
    cure[broken] = _joined(cure[broken], images.loc[broken, "fault_cure"])
    return reason, cure


def _joined(first: pd.Series, second: pd.Series) -> pd.Series:
    return (first + "; " + second).str.removeprefix("; ")


def _other_places(images: pd.DataFrame) -> pd.Series:
    """For each image, a place (or the same with another format) that holds the same image ID."""
    places = images["place"] + " (." + images["format"] + ")"
    first = places.groupby(images["image_id"]).transform("first")
    return first.where(first.ne(places), places.groupby(images["image_id"]).transform("last"))


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
