"""Can these voxels hold a whole head? The one rule, for the quick check of headers and before any later step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ldae.cohort.series.faults import PARTIAL, BrokenSeries, OtherImage

SPACING_MM = (0.3, 4.0)
SMALLEST_EXTENT_MM = 120.0  # the box of a brain is hardly smaller; quality control sees what is cut off a larger one
FEWEST_VOXELS = 10
MAX_SHEAR = 0.02  # cosine of the angle between two axes: about one degree
ROUNDING = 1e-3
FLAT = 1e-3  # volume of a voxel over the product of its edges


def check_geometry(shape: Sequence[int], axes: np.ndarray) -> None:
    """Check voxel count, voxel size, angles and field of view.

    Parameters
    ----------
    shape
        Voxels along the three axes.
    axes : ndarray
        (3, 3); the columns are the steps of one voxel along the three axes, in mm.

    Raises
    ------
    BrokenSeries
        The axes span no volume, or are not perpendicular.
    OtherImage
        Too few voxels, voxels too small or too large, or a field of view that no head fits into.
    """
    if len(shape) < 3 or min(shape) < FEWEST_VOXELS:
        raise OtherImage(f"{' x '.join(map(str, shape))} voxels only: a localiser, or a part of a volume", PARTIAL)
    spacing = check_axes(axes, "the affine")
    low, high = SPACING_MM
    if spacing.min() < low * (1 - ROUNDING) or spacing.max() > high * (1 + ROUNDING):
        cure = "none if the voxels have this size; if they do not, correct it in the header"
        raise OtherImage(f"voxels of {millimetres(spacing)}; of {low:g} to {high:g} mm are used", cure)
    cosines = (axes / spacing).T @ (axes / spacing) - np.eye(3)
    if np.abs(cosines).max() > MAX_SHEAR:
        degrees = 90 - np.degrees(np.arccos(np.abs(cosines).max()))
        cure = "resample the scan to perpendicular axes, or convert it again"
        raise BrokenSeries(f"a sheared volume: two of its axes are {degrees:.1f} degrees from perpendicular", cure)
    extent = spacing * np.array(shape)
    if extent.min() < SMALLEST_EXTENT_MM * (1 - ROUNDING):
        shown = " x ".join(f"{size:.0f}" for size in extent)
        fault = f"a field of view of {shown} mm: a slab, or a part of a head, which needs {SMALLEST_EXTENT_MM:g} mm"
        raise OtherImage(fault, PARTIAL)


def check_axes(axes: np.ndarray, name: str) -> np.ndarray:
    """Voxel sizes in mm of axes that span a volume.

    Raises
    ------
    BrokenSeries
        They hold values that are not finite, or lie in a plane; `name` says what they are.
    """
    cure = "convert the scan again, or write the right affine into its header"
    if not np.isfinite(axes).all():
        raise BrokenSeries(f"{name} holds values that are not finite", cure)
    spacing = np.linalg.norm(axes, axis=0)
    if not abs(np.linalg.det(axes)) > FLAT * np.prod(spacing):
        raise BrokenSeries(f"{name} spans no volume (voxels of {millimetres(spacing)})", cure)
    return spacing


def millimetres(sizes: Sequence[float] | np.ndarray) -> str:
    """Sizes with four digits, so that differences of more than rounding show."""
    return " x ".join(f"{size:.4g}" for size in sizes) + " mm"
