"""Is this file a whole-head scan that can be worked on? Asked before any expensive step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
from scipy import ndimage

from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.nifti import read_nifti_header
from ldae.errors import UserError, is_passing, kind_of
from ldae.preprocessing.volume import Volume, coarsen

FINEST_MM = 0.8  # voxels of at most two thirds of it are averaged to about it: memory grows with the voxels
EDGE_MM, EDGE_VOXELS = 4.0, 2  # the mask of a brain may reach this far into a background without values
SPECK_ML, CISTERN_ML = 0.05, 1.0  # largest piece of the brain without values: enclosed, and open to the background
MOST_ABSENT = 0.005  # of the brain


@dataclass(frozen=True)
class RawScan:
    """A scan as it was given: RAS axes, the intensities of the file.

    Attributes
    ----------
    volume : Volume
        The image; where the file has no finite value the lowest of its values, and at most 0.
    absent : ndarray
        Boolean, on the same voxels: no finite value.
    notes : tuple of str
        What was done or assumed that a user should know.
    """

    volume: Volume
    absent: np.ndarray
    notes: tuple[str, ...] = ()


def load_scan(path: str | Path) -> RawScan:
    """Read a T1w image, check it and turn it to RAS axes.

    Parameters
    ----------
    path : path
        NIfTI file, 3-D, or with further dimensions of one element.

    Returns
    -------
    RawScan
        Blocks of voxels much finer than `FINEST_MM` are averaged.

    Raises
    ------
    UserError
        The header is refused (see `ldae.cohort.series.nifti.read_nifti_header`), the file cannot be read, or it has no
        contrast.
    """
    try:
        header = read_nifti_header(path)
    except BrokenSeries as error:
        raise UserError(path, "a NIfTI image of a whole head", str(error), error.cure) from None
    try:
        image = cast(nib.Nifti1Image, nib.load(path))
        data = np.asanyarray(image.dataobj, dtype=np.float32).reshape(header.shape)
    except Exception as error:  # a damaged file can make the parser raise anything
        if is_passing(error):
            raise
        raise UserError(path, "a NIfTI image", kind_of(error), "convert this scan again") from None
    turned = nib.as_closest_canonical(nib.Nifti1Image(data, header.affine))
    volume, factors = coarsen(Volume(cast(np.ndarray, turned.dataobj), turned.affine), FINEST_MM)
    finite = np.isfinite(volume.data)
    if not finite.any() or np.ptp(volume.data[finite]) == 0:
        found = f"every voxel is {volume.data.flat[0]:g}" if finite.any() else "no finite value"
        raise UserError(path, "an image with contrast", found, "look at the scan, convert it again or drop it")
    notes = []
    if factors != (1, 1, 1):
        notes.append(f"blocks of {' x '.join(map(str, factors))} voxels averaged")
    if not finite.all():
        notes.append(f"{1 - finite.mean():.1%} of the voxels without a value, taken as background")
    lowest = min(0.0, float(volume.data[finite].min()))
    filled = np.ascontiguousarray(np.where(finite, volume.data, lowest), dtype=np.float32)
    return RawScan(volume.with_data(filled), ~finite, tuple(notes))


def check_brain(path: str | Path, scan: RawScan, mask: np.ndarray) -> list[str]:
    """Check that the brain (boolean, on the scan's voxels) has values.

    Around the brain, voxels without a value are as good as the 0 that other programs write there, and so are cisterns
    that open into it, and specks: SPM drops every 0, and dark fluid has some.

    Returns
    -------
    list of str
        A note on what is absent in the brain, if anything is.

    Raises
    ------
    UserError
        A piece of the brain has no values.
    """
    if not scan.absent.any():
        return []
    depth = max(EDGE_VOXELS, round(EDGE_MM / float(scan.volume.spacing_mm.mean())))
    inside = scan.absent & ndimage.binary_erosion(mask, iterations=depth)
    enclosed = inside & ndimage.binary_fill_holes(~scan.absent)
    share, voxel_ml = inside.sum() / mask.sum(), np.prod(scan.volume.spacing_mm) / 1000
    too_much = _largest(enclosed) * voxel_ml > SPECK_ML or _largest(inside) * voxel_ml > CISTERN_ML
    if too_much or share > MOST_ABSENT:
        found = f"{inside.sum()} voxels of it are NaN or infinite ({share:.2%})"
        cure = "mend what wrote the file, or drop the scan"
        raise UserError(path, "a value in every voxel of the brain", found, cure)
    return [f"parts of the brain without a value ({share:.2%}), taken as dark"] if share else []


def _largest(inside: np.ndarray) -> int:
    """Voxels of the largest connected piece."""
    pieces, _ = ndimage.label(inside)
    return int(np.bincount(pieces.ravel())[1:].max(initial=0))
