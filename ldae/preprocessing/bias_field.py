"""Correction of the smooth intensity drift across the head by N4 (Tustison et al., IEEE TMI 29:1310, 2010)."""

from __future__ import annotations

from collections.abc import Sequence

import ants
import numpy as np
from scipy import ndimage

from ldae.errors import UserError
from ldae.preprocessing.volume import Volume, coarsen

TOLERANCE = 1e-3
DARKEST = 1e-3  # of the brain's median; N4 works on logarithms


def correct_bias_field(volume: Volume, mask: np.ndarray, spacing_mm: float, iterations: Sequence[int]) -> Volume:
    """Divide an image by its bias field.

    The field is smooth, so N4 sees means of blocks about `spacing_mm` wide; the field is interpolated linearly to the
    full size and only there applied. Every level halves the distance between the field's knots, from the size of the
    brain: with four levels N4 also flattens the brain's own contrast (on synthetic heads with known fields, the error
    left is two to three times that of three levels).

    Parameters
    ----------
    volume : raw image
    mask : boolean, the brain, on the same voxels
    spacing_mm : width of the blocks N4 works on
    iterations : at most so many at each level

    Returns
    -------
    Volume
        Intensities in the units of the input; 0 outside the mask.

    Raises
    ------
    UserError
        Half of the brain is not positive.
    """
    scale = np.median(volume.data[mask])
    if not scale > 0:
        raise UserError("bias field", "positive intensities in the brain", f"a median of {scale:g}", "look at the scan")
    coarse, factors = coarsen(volume.with_data(np.maximum(volume.data / scale, DARKEST)), spacing_mm)
    weight, _ = coarsen(volume.with_data(mask.astype(np.float32)), spacing_mm)
    field = ants.n4_bias_field_correction(
        coarse.to_ants(),
        mask=weight.with_data((weight.data > 0.5).astype(np.float32)).to_ants(),
        shrink_factor=1,
        convergence={"iters": list(iterations), "tol": TOLERANCE},
        return_bias_field=True,
    ).numpy()
    if factors != (1, 1, 1):
        field = ndimage.zoom(field, factors, order=1, mode="nearest", grid_mode=True)
    fitted = field[tuple(slice(n) for n in volume.data.shape)]
    return volume.with_data(np.divide(volume.data, fitted, out=np.zeros_like(volume.data), where=mask))
