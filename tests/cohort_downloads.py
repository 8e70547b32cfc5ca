"""Cohorts of small phantom heads in two other forms: a plain BIDS dataset, and OASIS-1 as it is downloaded."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ldae.phantom.anatomy import Anatomy, draw_shape, draw_size, render_head
from ldae.phantom.scanner import acquire, draw_grid
from tests.bids_dataset import describe, write_image, write_tsv

OASIS_TABLE = "oasis_cross-sectional-5708aa0a98d82080.xlsx"
OASIS_AFFINE = np.array([[0.0, 0, -1, 80], [1, 0, 0, -128], [0, 1, 0, -128], [0, 0, 0, 1]])  # Clinica's, for all images
OASIS_SHAPE = (256, 256, 160)
OASIS_STEP = 2  # the heads are rendered on every second voxel


def scan_of(seed: int, shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    """A head with noise and a bias field, int16; heads of other seeds differ in shape and atrophy."""
    rng = np.random.default_rng([20, seed])
    anatomy = Anatomy(draw_shape(rng), float(rng.uniform(0, 6)), float(rng.uniform(0.1, 0.4)), draw_size(rng))
    return acquire(render_head(anatomy, shape, affine).volume, 1.5, rng).astype(np.int16)


def write_bids(root: Path) -> Path:
    """Six scanned subjects and one without: two with sessions, four without, one of them with two runs."""
    describe(root)
    names = ["sub-01_ses-M000", "sub-01_ses-M012", "sub-02_ses-M000", "sub-03", "sub-04_run-1", "sub-05", "sub-06"]
    for seed, name in enumerate(names):
        shape, affine = draw_grid((3.2, 3.6), np.random.default_rng(seed))
        image = nib.Nifti1Image(scan_of(seed, shape, affine), affine)
        image.set_qform(affine, code=1), image.set_sform(affine, code=1)
        write_image(root, f"{name}_T1w", image)
        if name.endswith("run-1"):
            write_image(root, f"{name.replace('run-1', 'run-2')}_T1w", image)
    write_tsv(
        root / "participants.tsv",
        "participant_id age gender Group center",
        "sub-01 70.2 M control A",
        "sub-02 81 F patient A",
        "sub-03 75 female patient B",
        "sub-04 68.5 male control B",
        "sub-05 n/a F control B",
        "sub-06 77 F Lewy B",
        "sub-07 66 M control A",
    )
    write_tsv(
        root / "sub-01" / "sub-01_sessions.tsv", "session_id age Group", "ses-M000 70.2 control", "ses-M012 71.3 mci"
    )
    (root / "T1w.json").write_text('{"MagneticFieldStrength": 3}')
    return root


def write_oasis(root: Path) -> Path:
    """OASIS-1: four first scans, a second one of the first subject, a subject without image, and the table.

    The last of those with an image has no CDR.
    """
    rows = []
    people = [("0001", "F", 74, 0.0), ("0002", "M", 81, 1.0), ("0003", "F", 77, 0.5), ("0004", "M", 24, np.nan)]
    for seed, (number, sex, age, cdr) in enumerate(people):
        _write_analyze(root / "images", f"OAS1_{number}_MR1", seed)
        rows.append({"ID": f"OAS1_{number}_MR1", "M/F": sex, "Hand": "R", "Age": age, "Educ": 3, "SES": 2, "CDR": cdr})
    (root / "images" / "OAS1_0001_MR2").mkdir()
    (root / "images" / "OAS1_0005_MR1" / "PROCESSED").mkdir(parents=True)
    rows.append({"ID": "OAS1_0001_MR2", "M/F": "F", "Hand": "R", "Age": 74, "Educ": 3, "SES": 2, "CDR": 0.0})
    (root / "tables").mkdir()
    pd.DataFrame(rows).assign(MMSE=29).to_excel(root / "tables" / OASIS_TABLE, index=False)
    return root


def _write_analyze(images: Path, name: str, seed: int) -> None:
    affine = OASIS_AFFINE @ np.diag([OASIS_STEP] * 3 + [1])
    scan = scan_of(seed, tuple(size // OASIS_STEP for size in OASIS_SHAPE), affine)
    for axis in range(3):
        scan = scan.repeat(OASIS_STEP, axis)
    folder = images / name / "PROCESSED" / "MPRAGE" / "SUBJ_111"
    folder.mkdir(parents=True)
    header = nib.AnalyzeHeader()
    header.set_data_dtype(np.int16)
    nib.save(nib.AnalyzeImage(scan[..., None], None, header), folder / f"{name}_mpr_n4_anon_sbj_111.img")
