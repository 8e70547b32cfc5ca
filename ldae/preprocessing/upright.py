"""The brain of a head that lies far off: found once as it lies, and again with the head turned upright.

Engines of brain extraction have seen heads that lie as most do: with the chin on the chest deepbet takes eyes and neck
along (Dice .98 at 30 degrees, .95 at 45, instead of .99; with the chin up .99 and .99), and the mask decides how large
the aligned brain is.
"""

from __future__ import annotations

import numpy as np

from ldae.config.preprocessing import PreprocessingConfig
from ldae.preprocessing.brain_mask import extract_brain
from ldae.preprocessing.grid import Grid
from ldae.preprocessing.pose import Start, angle_between, find_starts, turn_between
from ldae.preprocessing.resampling import IN_BRAIN, resample
from ldae.preprocessing.volume import Volume, crop

CHIN_DOWN_DEG = 20.0
FAR_DEG = 45.0  # in any direction
BOX_MM = (220.0, 270.0, 260.0)  # a head, about the middle of the brain
BOX_CENTER_MM = (0.0, -17.0, -5.0)
MARGIN_MM = 10.0


def find_brain(scan: Volume, config: PreprocessingConfig) -> tuple[np.ndarray, Start, int]:
    """Find the brain of a head and how it lies.

    Parameters
    ----------
    scan : Volume
        Raw image of a head.
    config : PreprocessingConfig
        The section `preprocessing`.

    Returns
    -------
    mask : ndarray
        Boolean, on the voxels of `scan`.
    start : Start
        The pose most like the template's.
    extractions : int
        2 where the head lies far off against its voxels (`CHIN_DOWN_DEG`, `FAR_DEG`) and was turned upright, else 1.

    Raises
    ------
    UserError
        There is no brain, or the engine is not usable.
    """
    mask = extract_brain(scan, config)
    start = _pose(scan, mask)
    pitch, _, _ = turn_between(scan.affine, start.affine)
    if pitch >= -CHIN_DOWN_DEG and angle_between(scan.affine, start.affine) <= FAR_DEG:
        return mask, start, 1
    mask = _extract_upright(scan, start, config)
    return mask, _pose(scan, mask), 2


def _pose(scan: Volume, mask: np.ndarray) -> Start:
    cut, inside = crop(scan, mask, MARGIN_MM)
    return find_starts(cut.with_data(np.where(inside, cut.data, 0)))[0]


def _extract_upright(scan: Volume, start: Start, config: PreprocessingConfig) -> np.ndarray:
    """Extract the brain on upright voxels, under a header that says so, and bring the mask back."""
    spacing = float(max(1.0, scan.spacing_mm.min()))
    x, y, z = (int(np.ceil(extent / spacing)) for extent in BOX_MM)
    grid = Grid((x, y, z), spacing, BOX_CENTER_MM)
    turned = Volume(np.zeros(grid.shape, np.float32), start.rigid @ grid.affine)
    mask = extract_brain(grid.volume(resample(scan, turned)), config)
    return resample(turned.with_data(mask.astype(np.float32)), scan) >= IN_BRAIN
