"""A scan in memory: RAS axes, float32, with its affine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import ants
import nibabel as nib
import numpy as np

from ldae.files import atomic_path

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Volume:
    """`data`: (D, H, W), axes nearest to right, anterior, superior; `affine`: (4, 4), voxel indices to RAS mm."""

    data: np.ndarray
    affine: np.ndarray

    @property
    def spacing_mm(self) -> np.ndarray:
        """Voxel size along each axis."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    def with_data(self, data: np.ndarray) -> Volume:
        """Other data on the same voxels."""
        return replace(self, data=data)

    def to_ants(self) -> ants.ANTsImage:
        """The same image for ANTs, which counts in LPS millimetres; slightly sheared axes are made perpendicular."""
        left, _, right = np.linalg.svd(self.affine[:3, :3] / self.spacing_mm)
        return ants.from_numpy(
            np.ascontiguousarray(self.data, np.float32),
            origin=(LPS_FROM_RAS @ self.affine[:3, 3]).tolist(),
            spacing=self.spacing_mm.tolist(),
            direction=LPS_FROM_RAS @ left @ right,
        )


def coarsen(volume: Volume, spacing_mm: float) -> tuple[Volume, tuple[int, int, int]]:
    """Average blocks of voxels to about `spacing_mm` (within a third); coarser images come back as they are.

    Returns
    -------
    volume : the means; the last block of an axis is filled up with copies of the last voxel
    factors : voxels in a block along each axis
    """
    factors = tuple(int(f) for f in np.maximum(1, np.rint(spacing_mm / volume.spacing_mm)))
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

    Returns
    -------
    volume : the voxels kept
    first : index of the first one kept, along each axis
    steps : distance of those kept, in voxels
    """
    steps = np.maximum(1, np.rint(spacing_mm / volume.spacing_mm)).astype(int)
    first = (steps - 1) // 2
    to_fine = np.eye(4)
    to_fine[:3, :3] = np.diag(steps)
    to_fine[:3, 3] = first
    kept = volume.data[tuple(slice(at, None, step) for at, step in zip(first, steps, strict=True))]
    return Volume(kept, volume.affine @ to_fine), first, steps


def crop(volume: Volume, mask: np.ndarray, margin_mm: float) -> tuple[Volume, np.ndarray]:
    """Cut image and mask to the box around the mask and `margin_mm` on each side, as far as the image goes."""
    box, start = [], []
    for axis, spacing in enumerate(volume.spacing_mm):
        inside = np.flatnonzero(mask.any(tuple(a for a in range(3) if a != axis)))
        margin = int(np.ceil(margin_mm / spacing))
        low, high = max(0, inside[0] - margin), min(mask.shape[axis], inside[-1] + 1 + margin)
        box.append(slice(low, high))
        start.append(low)
    shift = np.eye(4)
    shift[:3, 3] = start
    return Volume(volume.data[tuple(box)], volume.affine @ shift), mask[tuple(box)]


def write_volume(path: str | Path, data: np.ndarray, affine: np.ndarray) -> None:
    """Write a compressed NIfTI in MNI space, atomically, in the type of `data`."""
    image = nib.Nifti1Image(data, affine)
    for set_code in (image.set_sform, image.set_qform):
        set_code(affine, code="mni")
    image.header.set_xyzt_units("mm")
    with atomic_path(path) as temporary:
        nib.save(image, temporary)
