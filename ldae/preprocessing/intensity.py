"""Intensities of one brain on a common scale."""

from __future__ import annotations

import numpy as np

from ldae.errors import UserError

BRIGHTEST_PERCENTILE = 99.9
LEVELS = 255


def scale_intensities(brain: np.ndarray, mask: np.ndarray, percentiles: tuple[float, float]) -> np.ndarray:
    """Map two percentiles of the brain to 0 and 1, clip beyond them, and set the background to 0.

    Parameters
    ----------
    brain : ndarray
        (D, H, W), any unit.
    mask : ndarray
        Boolean, the brain.
    percentiles : tuple of float
        Lower and upper, in per cent.

    Returns
    -------
    ndarray
        float32, 0..1. Unlike the range of the whole head, it is independent of the brightness of scalp and coil.

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


def to_grey_levels(brain: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Map 0 and the brain's 99.9th percentile to 0 and 255, for pictures.

    Parameters
    ----------
    brain : ndarray
        (D, H, W), any unit, 0 being black.
    mask : ndarray
        Boolean, the brain.

    Returns
    -------
    ndarray
        uint8: 1..255 in the brain, 0 outside, so that the brain's mask can be read off.
    """
    top = np.percentile(brain[mask], BRIGHTEST_PERCENTILE) if mask.any() else 1.0
    levels = np.clip(np.rint(LEVELS * brain / top), 1, LEVELS)
    return np.where(mask, levels, 0).astype(np.uint8)
