"""What the check of headers takes preprocessing takes, and what it refuses is refused: on both sides of every limit."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from ldae.cohort.bids.images import list_images
from ldae.cohort.series.dicom import check_series
from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.geometry import FEWEST_VOXELS, MAX_SHEAR, SMALLEST_EXTENT_MM, SPACING_MM
from ldae.errors import UserError
from ldae.preprocessing.precheck import load_scan
from tests.adni_download import COLUMNS_OF_PIXELS, ROWS, edit_series, write_series
from tests.bids_dataset import write_image

LOW, HIGH = SPACING_MM
ROW, COLUMN = 3.6, 3.9  # of fields of view of 144 x 140.4 mm
# Voxels from slice to slice, distance of the slices in mm, shear of the stack; whether a head fits in.
CASES = {
    "the smallest field of view": (32, SMALLEST_EXTENT_MM / 32, 0.0, True),
    "a hair less": (32, SMALLEST_EXTENT_MM / 32 - 0.01, 0.0, False),
    "a slab of 100 mm": (40, 2.5, 0.0, False),
    "a slab of 124 mm": (31, 4.0, 0.0, True),
    "a slab of 140 mm": (35, 4.0, 0.0, True),
    "the thickest slices": (40, HIGH, 0.0, True),
    "a hair thicker": (40, HIGH + 0.01, 0.0, False),
    "slices of 4.8 mm": (32, 4.8, 0.0, False),
    "nearly too few slices": (FEWEST_VOXELS, 12.0, 0.0, False),
    "a small shear": (40, 3.5, MAX_SHEAR - 0.001, True),
    "a larger one": (40, 3.5, MAX_SHEAR + 0.001, False),
}


def verdict(check, *arguments) -> bool:
    try:
        check(*arguments)
    except (BrokenSeries, UserError):
        return False
    return True


@pytest.mark.parametrize("case", CASES)
def test_dicom_headers_bids_headers_and_preprocessing_agree(tmp_path, case):
    slices, step, shear, sound = CASES[case]
    files = write_series(tmp_path / "dicom", "011_S_0021", 10, slices)
    for index, file in enumerate(files):
        place = [index * step - 80, -100 + index * step * shear / np.sqrt(1 - shear**2), 100]
        edit_series([file], ImagePositionPatient=[f"{value:.5f}" for value in place], PixelSpacing=[ROW, COLUMN])
    across = np.array([step, step * shear / np.sqrt(1 - shear**2), 0])
    affine = np.eye(4)
    affine[:3, :3] = np.stack([across, [0, COLUMN, 0], [0, 0, ROW]], axis=1)
    affine[:3, 3] = -70
    voxels = np.random.default_rng(4).integers(0, 900, (slices, COLUMNS_OF_PIXELS, ROWS)).astype(np.int16)
    path = write_image(tmp_path / "bids", "sub-01_T1w", nib.Nifti1Image(voxels, affine))
    ((image,),) = list_images(tmp_path / "bids").values()
    verdicts = verdict(check_series, files), not image.fault, verdict(load_scan, path)
    assert verdicts == (sound, sound, sound)


@pytest.mark.parametrize("spacing", [LOW, LOW * (1 - 1e-5), HIGH, HIGH * (1 + 1e-5), SMALLEST_EXTENT_MM / 33])
def test_the_rounding_of_a_header_does_not_matter(tmp_path, spacing):
    count = int(np.ceil(SMALLEST_EXTENT_MM / spacing - 1e-6))
    shape = (count, 40, 40)
    affine = np.diag([np.float32(spacing), 3.5, 3.5, 1])
    path = write_image(
        tmp_path, "sub-01_T1w", nib.Nifti1Image(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), affine)
    )
    ((image,),) = list_images(tmp_path).values()
    assert not image.fault
    load_scan(path)
