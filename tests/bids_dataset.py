"""Tiny BIDS datasets: images of a few voxels with the size of a head, and tables."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import yaml

from ldae.config.cohort import ColumnsConfig

ROOT = Path(__file__).resolve().parents[1]
COHORT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["cohort"]
COLUMNS, DIAGNOSES = ColumnsConfig(**COHORT["columns"]), COHORT["diagnoses"]
AFFINE = np.array([[4.0, 0, 0, -80], [0, 4, 0, -80], [0, 0, 4, -80], [0, 0, 0, 1]])


def describe(root: Path) -> Path:
    """Make the folder of a dataset with its description."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "tiny", "BIDSVersion": "1.8.0"}))
    return root


def write_image(root: Path, name: str, image: nib.Nifti1Image | None = None) -> Path:
    """Write one image into the folder that its name asks for, such as ``sub-01_ses-M000_T1w``."""
    parts = [part for part in name.split("_") if part.startswith(("sub-", "ses-"))]
    path = root.joinpath(*parts, "anat", f"{name}.nii.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image or nib.Nifti1Image(np.ones((36, 36, 36), np.int16), AFFINE), path)
    return path


def write_tsv(path: Path, *lines: str) -> Path:
    """Write a table whose columns are separated by spaces here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(line.split()) + "\n" for line in lines), encoding="utf-8")
    return path
