"""Scans that are T1-weighted brains, but not raw heads with a dark background: recognised by their voxels, and said."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import ndimage

from ldae.preprocessing.volume import Volume, sample_every

STRIPPED = "skull already removed"
SAMPLED_MM = 2.0
STRIPPED_SHARE = 0.75  # brain in all that is not background: above .95 in extracted brains, below .5 in whole heads
BACKGROUND = 0.01  # of the image's 99th percentile: what lies that near to the corners' value is background
NEGATIVE_SHARE = 0.01  # of the brain; ringing at its edge makes less
CORNER = 10  # a corner block is this part of each axis
NOISY = 0.5  # noise of the corners over the spread in the brain: below .2 in magnitude images


def recognise_kind(volume: Volume, mask: np.ndarray) -> tuple[Volume, np.ndarray, list[str]]:
    """Treat a scan as what it is.

    Parameters
    ----------
    volume : Volume
        The image.
    mask : ndarray
        Boolean, on the same voxels: the brain, as found in it.

    Returns
    -------
    volume : Volume
        Without negative intensities in the brain.
    mask : ndarray
        Of a brain that was cut out before, no more than that.
    notes : list of str
        What was recognised; empty for a raw head.
    """
    notes = []
    few = sample_every(volume, SAMPLED_MM)[0]
    few_mask = sample_every(volume.with_data(mask), SAMPLED_MM)[0].data
    if has_noisy_background(few, few_mask):
        notes.append("background as uneven as the brain, as in MP2RAGE's UNI image")
    if is_cut_out(few, few_mask):
        notes.append(STRIPPED)
        mask = mask & ndimage.binary_fill_holes(_content(volume))
    volume, lifted = lift_negative(volume, mask)
    if lifted:
        notes.append(f"negative in part of the brain: all intensities raised by {lifted:.3g}")
    return volume, mask, notes


def is_cut_out(volume: Volume, mask: np.ndarray) -> bool:
    """Whether there is little else than the brain (boolean, on the same voxels): its skull was removed before."""
    content = _content(volume)
    return bool(not content.all() and (mask & content).sum() >= STRIPPED_SHARE * content.sum())


def _content(volume: Volume) -> np.ndarray:
    """Where an image differs from its corners."""
    background = float(np.median([block.flat[0] for block in _corners(volume.data)]))
    away = np.abs(volume.data - background)
    return away > BACKGROUND * float(np.percentile(away, 99))


def lift_negative(volume: Volume, mask: np.ndarray) -> tuple[Volume, float]:
    """Raise intensities by their minimum where part of the brain (boolean, on the same voxels) is negative.

    MP2RAGE's UNI image runs from -0.5 to 0.5 (Marques et al., NeuroImage 49:1271, 2010); z-scores are another case. The
    correction of the bias field takes intensities as multiples of it, so that they must be positive.

    Returns
    -------
    volume : Volume
    lifted : float
        What was added; 0 for other images.
    """
    if (volume.data[mask] < 0).mean() <= NEGATIVE_SHARE:
        return volume, 0.0
    lifted = -float(volume.data.min())
    return volume.with_data(volume.data + np.float32(lifted)), lifted


def has_noisy_background(volume: Volume, mask: np.ndarray) -> bool:
    """Whether most corners of an image are as uneven as its brain, as in MP2RAGE's UNI image, a ratio of two echoes."""
    noise = np.median([block.std() for block in _corners(volume.data)])
    return bool(noise > NOISY * volume.data[mask].std())


def _corners(data: np.ndarray) -> list[np.ndarray]:
    """The eight corner blocks, each from the image's corner inwards."""
    sizes = [max(2, size // CORNER) for size in data.shape]
    sides = [(slice(None, size), slice(-1, -size - 1, -1)) for size in sizes]
    return [data[part] for part in itertools.product(*sides)]
