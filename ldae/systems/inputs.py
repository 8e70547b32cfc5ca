"""Preprocessed scans as the models take them, from files, arrays or tensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
import torch

from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.preprocessing.grid import Grid
from ldae.preprocessing.recognition import AFFINE_TOLERANCE_MM, INTENSITY_TOLERANCE

Scans = str | Path | np.ndarray | torch.Tensor | Sequence[str | Path | np.ndarray | torch.Tensor]
CURE = "preprocess it as the model's own cohort was: `ldae predict` does that from a raw scan"


def as_images(scans: Scans, grid: Grid) -> torch.Tensor:
    """Scans as float32 (B, 1, D, H, W) in 0..1 on a grid.

    Parameters
    ----------
    scans : path, array, tensor, or a sequence of them
        NIfTI files on the voxels of `grid`; arrays (D, H, W), (B, D, H, W) or (B, 1, D, H, W).
    grid : Grid
        Of the model.

    Raises
    ------
    UserError
        A scan has another shape, other voxels, values that are not finite or outside 0..1, or no brain.
    """
    if not isinstance(scans, str | Path | np.ndarray | torch.Tensor):
        return torch.cat([as_images(scan, grid) for scan in scans])
    where: object = "the given array"
    if isinstance(scans, str | Path):
        where, images = scans, read_volumes([scans])
        affine = cast(nib.Nifti1Image, nib.load(scans)).affine
        if images.shape[2:] == grid.shape and not np.allclose(affine, grid.affine, atol=AFFINE_TOLERANCE_MM):
            raise UserError(where, f"voxels at {_place(grid.affine)}", f"at {_place(affine)}", CURE)
    else:
        images = torch.as_tensor(scans).float().cpu()
    channels = images.shape[1] if images.ndim == 5 else 1
    if images.shape[-3:] != grid.shape or not 3 <= images.ndim <= 5 or channels != 1:
        found = " x ".join(map(str, images.shape))
        raise UserError(where, f"{' x '.join(map(str, grid.shape))} voxels", found, CURE)
    images = images.reshape(-1, 1, *grid.shape)
    low, high = images.min().item(), images.max().item()
    if not (low >= -INTENSITY_TOLERANCE and high <= 1 + INTENSITY_TOLERANCE):
        raise UserError(where, "intensities from 0 to 1", f"from {low:.3g} to {high:.3g}", CURE)
    if not (images > 0).flatten(1).any(1).all():
        raise UserError(where, "a brain", "nothing but zeros", CURE)
    return images.clamp(0, 1)


def _place(affine: np.ndarray) -> str:
    origin = ", ".join(f"{value:.4g}" for value in affine[:3, 3])
    return f"({origin}) mm, {abs(affine[0, 0]):.4g} mm wide"
