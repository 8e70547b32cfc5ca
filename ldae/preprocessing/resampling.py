"""The one interpolation of the intensities, from native voxels to a grid, without aliasing."""

from __future__ import annotations

from collections.abc import Sequence

import ants
import numpy as np
from scipy import ndimage

from ldae.preprocessing.volume import Volume

FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))
IN_BRAIN = 0.5


def resample(volume: Volume, target: Volume, transforms: Sequence[str] = ()) -> np.ndarray:
    """Blur an image to the voxel size of `target` and interpolate it linearly at the target's voxels.

    Parameters
    ----------
    volume : Volume
        Native image.
    target : Volume
        Its voxels are where values are wanted; its data are not looked at.
    transforms : sequence of str
        ANTs transform files from target to native space, a point going through the first one first; none is
        the identity.

    Returns
    -------
    ndarray
        float32, the target's shape; 0 outside the native image.
    """
    sigma = antialiasing_sigma(volume.spacing_mm, target.spacing_mm)
    blurred = ndimage.gaussian_filter(volume.data, sigma, mode="constant", truncate=3.0) if sigma.any() else volume.data
    moved = ants.apply_transforms(
        fixed=target.to_ants(),
        moving=volume.with_data(blurred).to_ants(),
        transformlist=list(transforms),
        interpolator="linear",
        singleprecision=True,
    )
    return moved.numpy().astype(np.float32)


def resample_brain(
    brain: Volume, mask: np.ndarray, target: Volume, transforms: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Bring a brain to a grid.

    Image and mask are blurred and interpolated alike and the image is divided by the mask, so that neither skull nor
    background leaks into the edge.

    Parameters
    ----------
    brain : Volume
        Native image, 0 outside the mask.
    mask : ndarray
        Boolean, on the same voxels.
    target, transforms
        As in `resample`.

    Returns
    -------
    brain : ndarray
        float32, the target's shape, 0 outside the mask.
    mask : ndarray
        Boolean, where the interpolated mask is at least one half.
    """
    share = resample(brain.with_data(mask.astype(np.float32)), target, transforms)
    signal = resample(brain, target, transforms)
    inside = share >= IN_BRAIN
    return np.divide(signal, share, out=np.zeros_like(signal), where=inside), inside


def antialiasing_sigma(native_mm: np.ndarray, target_mm: np.ndarray) -> np.ndarray:
    """Standard deviation, in native voxels, of the Gaussian to apply before linear interpolation.

    Voxels are taken as Gaussian with their width as full width at half maximum (Cardoso et al., MICCAI 2015, LNCS
    9350:81); the blur of the linear interpolation itself (a triangle, variance native^2 / 6) is taken off. Nothing is
    left for targets up to 1.39 times the native voxel; 0.24 voxels for 1 mm to 1.5 mm; 3 voxels for 0.7 mm to 5 mm.

    Parameters
    ----------
    native_mm, target_mm : ndarray
        Voxel sizes along each axis.
    """
    ratio = np.asarray(target_mm) / np.asarray(native_mm)
    return np.sqrt(np.maximum(0.0, (ratio**2 - 1) / FWHM_PER_SIGMA**2 - 1 / 6))
