"""`qc.csv`: every preprocessed scan with its numbers, what the thresholds and what a person say of it."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pandas as pd

from ldae.cohort.bids.description import describe
from ldae.cohort.losses import expect_few_losses
from ldae.cohort.overrides import apply_overrides, read_overrides
from ldae.cohort.scans import QC_COLUMNS, TEXT
from ldae.config.preprocessing import QCConfig
from ldae.files import read_table, write_json, write_table
from ldae.preprocessing.verdict import judge

logger = logging.getLogger(__name__)

RECORDED = ("subject", "session", "source", "path", "status", "reason", "image_sha256")
PICTURE = "qc_image_sha256"  # of the image that pictures are drawn from, of no use to later stages


def build_qc(
    manifests: list[str],
    config: QCConfig,
    *,
    overrides: str | Path | None,
    qc: str | Path,
    effects: str | Path,
    description: str | Path,
    max_lost_fraction: float,
) -> None:
    """Judge the numbers that preprocessing recorded, let a person's verdicts win, and drop what left the cohort.

    Parameters
    ----------
    manifests
        The shards of preprocessing, one row per scan; ``error`` in the column status where there is no image.
    config
        The section `qc`.
    overrides
        TSV of a person's verdicts (see `overrides`); None: the numbers alone decide.
    qc, effects
        The tables to write: a row per scan, columns `QC_COLUMNS` and what was recorded; a row per override.
    description
        `dataset_description.json` of the derivative, in whose folder nothing is left of sessions that are gone.
    max_lost_fraction
        Share of the derivative's sessions that may be gone (`ldae.cohort.losses`).

    Raises
    ------
    UserError
        Too many sessions are gone, or the overrides are unusable.
    """
    parts = [read_table(path, RECORDED, dtype=TEXT) for path in manifests]
    scans = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    scans = scans.sort_values(["subject", "session"], ignore_index=True)
    stale, present = list_stale(Path(description).parent, scans)
    expect_few_losses(Path(description).parent, [folder.name for folder in stale], present, max_lost_fraction)
    scans, effect_table = apply_overrides(judge_scans(scans, config), read_overrides(overrides))
    counts = ", ".join(f"{count} {verdict}" for verdict, count in scans["verdict"].value_counts().items())
    logger.info("%d scans: %s", len(scans), counts or "none")
    write_table(qc, scans[QC_COLUMNS + [name for name in scans.columns if name not in (*QC_COLUMNS, PICTURE)]])
    write_table(effects, effect_table)
    write_json(description, describe("derivative", "T1-weighted images on the model grid", "antspyx", "deepbet"))
    remove_stale(Path(description).parent, stale)


def judge_scans(scans: pd.DataFrame, config: QCConfig) -> pd.DataFrame:
    """The scans with status (pass, warn, fail; error stays) and reason by the numbers alone."""
    verdicts = [
        (row["status"], row["reason"]) if row["status"] == "error" else judge(row, config)
        for row in scans.to_dict("records")
    ]
    judged = pd.DataFrame(verdicts, columns=["status", "reason"], index=scans.index, dtype=object)
    return scans.assign(status=judged["status"], reason=judged["reason"])


def list_stale(derivative: Path, scans: pd.DataFrame) -> tuple[list[Path], int]:
    """The derivative's folders of sessions that are no longer among `scans`, and how many it has of all."""
    kept = {(f"sub-{row.subject}", f"ses-{row.session}") for row in scans.itertuples(index=False)}
    folders = sorted(derivative.glob("sub-*/ses-*"))
    return [folder for folder in folders if (folder.parent.name, folder.name) not in kept], len(folders)


def remove_stale(derivative: Path, stale: list[Path]) -> None:
    """Remove folders of sessions with their pictures, say so, and remove empty subjects.

    Pictures of others may be drawn at the same time.
    """
    for folder in stale:
        logger.warning("%s is no longer in the dataset and is removed", folder)
        shutil.rmtree(folder)
        for picture in folder.parent.glob(f"figures/{folder.parent.name}_{folder.name}_*"):
            picture.unlink(missing_ok=True)
    for subject in sorted(derivative.glob("sub-*")):
        if not any(files for _, _, files in os.walk(subject)):
            shutil.rmtree(subject)
