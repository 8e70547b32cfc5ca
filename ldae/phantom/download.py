"""Fabricate a raw ADNI download with known anatomy: DICOM series, clinical tables, and the truth beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from ldae.config.cohort import PhantomConfig
from ldae.errors import UserError
from ldae.files import atomic_path, write_table
from ldae.phantom.anatomy import render_head
from ldae.phantom.naming import rename_tables
from ldae.phantom.people import Subject, Visit, draw_cohort, months_of
from ldae.phantom.scanner import SeriesHeader, acquire, draw_grid, write_series
from ldae.phantom.tables import build_tables, scan_day
from ldae.pool import finish_items

SUBJECT_TIMEOUT_S = 1800.0
SCAN_STREAM = 2  # of random numbers; the tables have another
TRUTH_COLUMNS = ["subject", "session", "diagnosis", "age", "sex", "severity", "ventricle_ml", "hippocampus_ml"]


@dataclass(frozen=True)
class SubjectJob:
    """One subject to scan into the folder `images`."""

    config: PhantomConfig
    seed: int
    subject: Subject
    images: Path


def make_phantom(
    config: PhantomConfig,
    images_dir: str | Path,
    clinical_dir: str | Path,
    truth_path: str | Path,
    *,
    seed: int,
    workers: int,
) -> None:
    """Write a fabricated download and its ground truth.

    Parameters
    ----------
    config : PhantomConfig
        The cohort.
    images_dir : path
        Folder for the DICOM series in LONI's layout; must be absent or empty.
    clinical_dir : path
        Folder for the six clinical CSVs, named as the config says; must be absent or empty.
    truth_path : path
        CSV with one row per scan: subject (BIDS label), session, diagnosis and age in years at the visit, sex,
        severity, ventricle_ml, hippocampus_ml.
    seed : int
        Everything drawn follows from it.
    workers : int
        Processes.

    Raises
    ------
    UserError
        A folder already holds something, or a subject could not be made.
    """
    for folder in map(Path, (images_dir, clinical_dir)):
        if folder.exists() and any(folder.iterdir()):
            raise UserError(folder, "an absent or empty folder", "files in it", "move it away, then run again")
    subjects = draw_cohort(config, seed)
    with atomic_path(images_dir) as images, atomic_path(clinical_dir) as tables:
        images.mkdir()
        tables.mkdir()
        truth = _fabricate(config, seed, subjects, images, workers)
        clinical = build_tables(subjects, seed)
        for name, table in (rename_tables(clinical) if config.naming == "loni2024" else clinical).items():
            write_table(tables / f"{name}.csv", table)
    write_table(truth_path, truth)


def _fabricate(config: PhantomConfig, seed: int, subjects: list[Subject], images: Path, workers: int) -> pd.DataFrame:
    jobs = [SubjectJob(config, seed, subject, images) for subject in subjects]
    outcomes = list(
        finish_items(
            fabricate_subject,
            jobs,
            workers=workers,
            timeout_s=SUBJECT_TIMEOUT_S,
            label="phantom subjects",
            name=lambda job: job.subject.ptid,
        )
    )
    failed = [f"{outcome.item.subject.ptid}: {outcome.error}" for outcome in outcomes if outcome.error]
    if failed:
        raise UserError(
            images.name,
            f"DICOM series of {len(subjects)} subjects",
            f"{len(failed)} failed; {'; '.join(failed[:5])}",
            "see to the disk's free space and the memory, then run again",
        )
    rows = [row for outcome in outcomes for row in outcome.result]
    return pd.DataFrame(rows, columns=TRUTH_COLUMNS).sort_values(["subject", "session"])


def fabricate_subject(job: SubjectJob) -> list[dict[str, object]]:
    """Scan one subject at every visit with an image; return the rows of the truth table.

    The subject's folder appears under the images folder complete or not at all; a subject without any image has none.
    """
    scanned = [visit for visit in job.subject.visits if visit.scanned]
    if not scanned:
        return []
    with atomic_path(job.images / job.subject.ptid) as folder:
        return [_scan(job.config, job.seed, job.subject, visit, folder.parent) for visit in scanned]


def _scan(config: PhantomConfig, seed: int, subject: Subject, visit: Visit, images: Path) -> dict[str, object]:
    rng = np.random.default_rng([seed, subject.index, visit.order, SCAN_STREAM])
    shape, affine = draw_grid(config.voxel_size_mm, rng)
    head = render_head(visit.anatomy, shape, affine)
    start = datetime.combine(scan_day(visit), time(9)) + timedelta(seconds=int(rng.integers(8 * 3600)))
    header = SeriesHeader(
        ptid=subject.ptid,
        sex=subject.sex,
        age=visit.age,
        sequence=subject.phase.sequence,
        field_strength_t=subject.phase.field_strength_t,
        start=start,
        series_id=subject.series_id(visit),
        image_id=subject.image_id(visit),
    )
    (images / header.folder).mkdir(parents=True)
    stored = acquire(head.volume, header.field_strength_t, rng)
    write_series(stored, affine, header, images / header.folder)
    return {
        "subject": subject.label,
        "session": f"M{months_of(visit.code):03d}",
        "diagnosis": visit.diagnosis,
        "age": round(visit.age, 2),
        "sex": subject.sex[0],
        "severity": round(visit.severity, 4),
        "ventricle_ml": round(head.ventricle_ml, 3),
        "hippocampus_ml": round(head.hippocampus_ml, 4),
    }
