"""A scan in memory: RAS axes, float32, with its affine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import ants
import nibabel as nib
import numpy as np
from scipy import ndimage

from ldae.files import atomic_path

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Volume:
    """An image in memory.

    Attributes
    ----------
    data : ndarray
        (D, H, W), axes nearest to right, anterior, superior.
    affine : ndarray
        (4, 4), voxel indices to RAS millimetres.
    """

    data: np.ndarray
    affine: np.ndarray

    @property
    def spacing_mm(self) -> np.ndarray:
        """Voxel size along each axis."""
        return nib.affines.voxel_sizes(self.affine)

    def with_data(self, data: np.ndarray) -> Volume:
        """Put other data on the same voxels."""
        return replace(self, data=data)

    def to_ants(self) -> ants.ANTsImage:
        """Give the image to ANTs, which counts in LPS millimetres; slightly sheared axes are made perpendicular."""
        left, _, right = np.linalg.svd(self.affine[:3, :3] / self.spacing_mm)
        return ants.from_numpy(
            np.ascontiguousarray(self.data, np.float32),
            origin=(LPS_FROM_RAS @ self.affine[:3, 3]).tolist(),
            spacing=self.spacing_mm.tolist(),
            direction=LPS_FROM_RAS @ left @ right,
        )


def coarsen(volume: Volume, spacing_mm: float) -> tuple[Volume, tuple[int, int, int]]:
    """Average blocks of voxels to about `spacing_mm` (within a third); coarser images come back as they are.

    Parameters
    ----------
    volume : Volume
        Any image.
    spacing_mm : float
        Edge of a block.

    Returns
    -------
    volume : Volume
        The means; the last block of an axis is filled up with copies of the last voxel.
    factors : tuple of int
        Voxels in a block along each axis.
    """
    x, y, z = np.maximum(1, np.rint(spacing_mm / volume.spacing_mm)).astype(int).tolist()
    factors = (x, y, z)
    if factors == (1, 1, 1):
        return volume, factors
    filled = np.pad(volume.data, [(0, -n % f) for n, f in zip(volume.data.shape, factors, strict=True)], mode="edge")
    blocks = [part for n, f in zip(filled.shape, factors, strict=True) for part in (n // f, f)]
    means = filled.reshape(blocks).mean((1, 3, 5), dtype=np.float32)
    to_fine = np.eye(4)
    to_fine[:3, :3] = np.diag(factors)
    to_fine[:3, 3] = (np.array(factors) - 1) / 2
    return Volume(means, volume.affine @ to_fine), factors


def sample_every(volume: Volume, spacing_mm: float) -> tuple[Volume, np.ndarray, np.ndarray]:
    """Keep single voxels about `spacing_mm` apart.

    Parameters
    ----------
    volume : Volume
        Any image.
    spacing_mm : float
        Distance between the voxels kept.

    Returns
    -------
    volume : Volume
        The voxels kept.
    first : ndarray
        Index of the first one kept, along each axis.
    steps : ndarray
        Distance between those kept, in voxels.
    """
    steps = np.maximum(1, np.rint(spacing_mm / volume.spacing_mm)).astype(int)
    first = (steps - 1) // 2
    to_fine = np.eye(4)
    to_fine[:3, :3] = np.diag(steps)
    to_fine[:3, 3] = first
    kept = volume.data[tuple(slice(at, None, step) for at, step in zip(first, steps, strict=True))]
    return Volume(kept, volume.affine @ to_fine), first, steps


def crop(volume: Volume, mask: np.ndarray, margin_mm: float) -> tuple[Volume, np.ndarray]:
    """Cut image and mask to the box around the mask and `margin_mm` on each side, as far as the image goes.

    Parameters
    ----------
    volume : Volume
        Any image.
    mask : ndarray
        Boolean, on the same voxels, not empty.
    margin_mm : float
        Rounded up to whole voxels.
    """
    margins = np.ceil(margin_mm / volume.spacing_mm).astype(int)
    (tight,) = ndimage.find_objects(mask.astype(np.uint8))
    box = tuple(slice(max(0, at.start - n), at.stop + n) for at, n in zip(tight, margins, strict=True))
    shift = np.eye(4)
    shift[:3, 3] = [at.start for at in box]
    return Volume(volume.data[box], volume.affine @ shift), mask[box]


def write_volume(path: str | Path, data: np.ndarray, affine: np.ndarray) -> None:
    """Write a compressed NIfTI in MNI space, atomically, in the type of `data`.

    Parameters
    ----------
    path : path
        Ends in ``.nii.gz``.
    data : ndarray
        (D, H, W).
    affine : ndarray
        (4, 4), voxel indices to RAS millimetres.
    """
    image = nib.Nifti1Image(data, affine)
    for set_code in (image.set_sform, image.set_qform):
        set_code(affine, code="mni")
    image.header.set_xyzt_units("mm")
    with atomic_path(path) as temporary:
        nib.save(image, temporary)
