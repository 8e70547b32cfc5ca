"""Is this file a whole-head scan that can be worked on? Asked before any expensive step."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from ldae.errors import UserError
from ldae.preprocessing.volume import Volume

SPACING_MM = (0.3, 4.0)
MIN_FIELD_OF_VIEW_MM = 140.0
MIN_FINITE = 0.9
MAX_SHEAR = 0.02


def load_scan(path: str | Path) -> Volume:
    """Read a T1w image, check it, turn it to RAS axes and set voxels that are not finite to 0.

    Parameters
    ----------
    path : path
        NIfTI file, 3-D or 4-D with one volume.

    Returns
    -------
    Volume
        Raw intensities.

    Raises
    ------
    UserError
        The file cannot be read, is not one volume, is constant, has many voxels that are not finite, is sheared, or
        its voxels or field of view are not those of a head.
    """
    try:
        image = cast(nib.Nifti1Image, nib.load(path))
        data = np.asanyarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, ImageFileError, ValueError) as error:
        raise UserError(path, "a NIfTI image", f"{type(error).__name__}: {error}", "convert this scan again") from None
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    _expect(data.ndim == 3, path, "one 3-D volume", f"shape {data.shape}", "keep one volume")
    volume = _canonical(data, image.affine)
    check_geometry(path, volume)
    finite = np.isfinite(volume.data)
    _expect(finite.mean() >= MIN_FINITE, path, f"at least {MIN_FINITE:.0%} finite voxels", f"{finite.mean():.1%}")
    volume = volume.with_data(np.nan_to_num(volume.data, nan=0.0, posinf=0.0, neginf=0.0))
    _expect(np.ptp(volume.data) > 0, path, "an image with contrast", f"every voxel is {volume.data.flat[0]:g}")
    return volume


def check_geometry(path: str | Path, volume: Volume) -> None:
    """Raise a UserError unless axes, voxel size and field of view can be those of a whole head."""
    spacing = volume.spacing_mm
    low, high = SPACING_MM
    shown = " x ".join(f"{s:.2f}" for s in spacing)
    _expect(bool(((spacing >= low) & (spacing <= high)).all()), path, f"voxels of {low} to {high} mm", f"{shown} mm")
    axes = volume.affine[:3, :3] / spacing
    _expect(np.abs(axes.T @ axes - np.eye(3)).max() <= MAX_SHEAR, path, "perpendicular axes", "a sheared affine")
    extent = spacing * volume.data.shape
    found = " x ".join(f"{e:.0f}" for e in extent)
    _expect(
        bool((extent >= MIN_FIELD_OF_VIEW_MM).all()),
        path,
        f"a field of view of at least {MIN_FIELD_OF_VIEW_MM:.0f} mm along each axis",
        f"{found} mm",
    )


def _canonical(data: np.ndarray, affine: np.ndarray) -> Volume:
    turned = nib.as_closest_canonical(nib.Nifti1Image(data, affine))
    return Volume(np.ascontiguousarray(turned.dataobj, dtype=np.float32), turned.affine)


def _expect(
    holds: bool,
    path: str | Path,
    expected: str,
    found: str,
    cure: str = "look at the scan, convert it again or drop it",
) -> None:
    if not holds:
        raise UserError(path, expected, found, cure)
