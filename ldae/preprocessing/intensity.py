"""Intensities of one brain on a common scale."""

from __future__ import annotations

import numpy as np

from ldae.errors import UserError


def scale_intensities(brain: np.ndarray, mask: np.ndarray, percentiles: tuple[float, float]) -> np.ndarray:
    """Map two percentiles of the brain to 0 and 1, clip beyond them, and set the background to 0.

    Parameters
    ----------
    brain : (D, H, W), any unit
    mask : boolean, the brain
    percentiles : lower and upper, in per cent

    Returns
    -------
    ndarray
        float32, 0..1. Unlike the range of the whole head, it does not hang on scalp or coil brightness.

    Raises
    ------
    UserError
        The brain is empty or has no contrast.
    """
    low, high = np.percentile(brain[mask], percentiles) if mask.any() else (0.0, 0.0)
    if not high > low:
        raise UserError("intensity scaling", "a brain with contrast", "a constant or empty one", "look at the scan")
    scaled = np.clip((brain - low) / (high - low), 0, 1)
    return np.where(mask, scaled, 0).astype(np.float32)
