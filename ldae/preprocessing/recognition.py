"""Is this scan preprocessed already? Asked of its voxels, never of its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from scipy import ndimage

from ldae.config.preprocessing import PreprocessingConfig, QCConfig
from ldae.files import hash_file, write_record
from ldae.preprocessing.grid import QC_GRID, Grid, mni_template
from ldae.preprocessing.intensity import to_grey_levels
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.quality import measure_alignment
from ldae.preprocessing.resampling import resample_brain
from ldae.preprocessing.verdict import LIMITS, judge
from ldae.preprocessing.volume import Volume, write_volume

AFFINE_TOLERANCE_MM, INTENSITY_TOLERANCE = 1e-2, 1e-3
BRIGHTEST = 0.5  # a scan whose brightest voxel is below was not scaled to 0..1
OF_THE_HEAD = ("brain_volume_ml", "border")  # measured before alignment, so unknown of a preprocessed scan
ALIGNMENT_LIMITS = tuple(limit for limit in LIMITS if limit[0] not in OF_THE_HEAD)


@dataclass(frozen=True)
class Recognition:
    """What was found: a preprocessed brain with its numbers, or why a scan on the model's grid is none.

    Both `brain` and `reason` are empty for a scan on other voxels, of which nobody would say that it is preprocessed.
    """

    brain: Volume | None = None
    mask: np.ndarray | None = None
    qc_image: np.ndarray | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    reason: str = ""


def recognise(path: str | Path, grid: Grid, qc: QCConfig) -> Recognition:
    """Hold a NIfTI file against what preprocessing gives.

    It must lie on the voxels of `grid`, have intensities of 0 to 1 with 0 around the brain, and agree with the MNI152
    brain (`quality.measure_alignment`, on `QC_GRID`) as well as `qc` asks of any scan. A brain that is mirrored left
    to right cannot be told.

    Parameters
    ----------
    path : path
    grid : Grid
        Of the model.
    qc : QCConfig
        Limits; of those the fail limits of `ALIGNMENT_LIMITS`.
    """
    try:
        image = cast(nib.Nifti1Image, nib.load(path))
        if image.shape != tuple(grid.shape) or not np.allclose(image.affine, grid.affine, atol=AFFINE_TOLERANCE_MM):
            return Recognition()
        data = image.get_fdata(dtype=np.float32)
    except (OSError, EOFError, ImageFileError, ValueError):
        return Recognition()  # whoever works on it says what is wrong
    low, high = float(data.min()), float(data.max())
    if not (low >= -INTENSITY_TOLERANCE and BRIGHTEST <= high <= 1 + INTENSITY_TOLERANCE):
        return Recognition(reason=f"intensities from {low:.3g} to {high:.3g} instead of 0 to 1")
    brain = Volume(data.clip(0, 1), grid.affine)
    mask = ndimage.binary_fill_holes(brain.data > 0)
    if mask.all():
        return Recognition(reason="no voxel is 0, so the brain is not masked")
    qc_image, qc_mask = resample_brain(brain, mask, QC_GRID.volume(), ())
    numbers = measure_alignment(QC_GRID.volume(qc_image), qc_mask, mni_template(QC_GRID))
    verdict, reason = judge(numbers, qc, ALIGNMENT_LIMITS)
    if verdict == "fail":
        return Recognition(reason=f"it does not agree with the MNI152 brain: {reason}")
    return Recognition(brain, mask, to_grey_levels(qc_image, qc_mask), numbers)


def write_recognised(
    found: Recognition, source: str | Path, files: ScanFiles, config: PreprocessingConfig, key: str
) -> dict:
    """Write a recognised scan as preprocessing would, the sidecar last, which is returned."""
    assert found.brain is not None and found.mask is not None and found.qc_image is not None
    files.remove()
    write_volume(files.image, found.brain.data, found.brain.affine)
    write_volume(files.mask, found.mask.astype(np.uint8), found.brain.affine)
    write_volume(files.qc_image, found.qc_image, QC_GRID.affine)
    sidecar = {
        "Description": "Brain in MNI152 space, intensities 0..1, background 0; preprocessed before it was given",
        "Sources": [Path(source).as_posix()],
        "SourceSHA256": hash_file(source),
        **files.hashes,
        "SkullStripped": True,
        "GivenPreprocessed": True,
        "Parameters": {name: config.model_dump(mode="json")[name] for name in ("grid_shape", "grid_spacing_mm")},
        "Key": key,
        "QC": {name: round(value, 6) for name, value in found.numbers.items()},
    }
    write_record(files.sidecar, sidecar)
    return sidecar
