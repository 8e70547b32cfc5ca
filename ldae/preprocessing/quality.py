"""Numbers that tell a well-aligned brain from a bad scan or a failed step.

Every number is taken on the MNI152 grid at 2 mm, whatever the model grid, so that one set of thresholds serves all.
"""

from __future__ import annotations

import ants
import numpy as np
from scipy import ndimage

from ldae.preprocessing.grid import Template
from ldae.preprocessing.volume import Volume

MARGIN_VOXELS = 3
SMALL = 1e-6


def measure_native(volume: Volume, mask: np.ndarray, *, cut_out: bool = False) -> dict[str, float]:
    """Measure a brain on its native voxels.

    Parameters
    ----------
    volume : Volume
        Raw image.
    mask : ndarray
        Boolean, the brain, on the same voxels.
    cut_out : bool
        Its skull was removed before, so that planes of one value lie around any brain.

    Returns
    -------
    dict
        ``brain_volume_ml`` of the mask, and ``border``: square centimetres of the brain cut by the image's border. An
        area, unlike a share of the voxels, does not depend on their size. The border is that of what was measured:
        planes that hold only one value, as where a part was set to zero, do not count. A field of view that ends in
        the brainstem cuts 3 to 8 square centimetres.
    """
    voxel_mm3, cut_mm2 = float(np.prod(volume.spacing_mm)), 0.0
    for axis, spacing in enumerate(volume.spacing_mm):
        varies = np.ptp(volume.data, axis=tuple(a for a in range(3) if a != axis)) > 0
        cut_mm2 += np.take(mask, np.flatnonzero(varies | cut_out)[[0, -1]], axis).sum() * voxel_mm3 / spacing
    return {"brain_volume_ml": float(mask.sum() * voxel_mm3 / 1000), "border": float(cut_mm2 / 100)}


def measure_alignment(brain: Volume, mask: np.ndarray, template: Template) -> dict[str, float]:
    """Compare a brain in MNI152 space with the template.

    Parameters
    ----------
    brain : Volume
        On `QC_GRID`, 0 outside the mask.
    mask : ndarray
        Boolean, the brain, on the same voxels.
    template : Template
        On the same voxels.

    Returns
    -------
    dict
        ``dice`` of the masks; ``outside``: share of the brain beyond the template's mask dilated by 3 voxels;
        ``missing``: share of the template's mask that is not covered; ``mutual_information`` in nats (Mattes, all
        voxels); ``ncc``: correlation of the intensities inside both masks; ``upright``: a - b over
        abs(a) + abs(b), a being ``ncc`` and b the best with the template turned back to front or upside down (-1..1,
        whatever the noise); ``white_grey_ratio`` of the medians under the template's tissue maps.
    """
    both = mask & template.brain
    ncc = _correlation(brain.data[both], template.t1[both])
    turned = max(_turned_correlation(brain.data, mask, template, axis) for axis in (1, 2))
    near = ndimage.binary_dilation(template.brain, iterations=MARGIN_VOXELS)
    size = max(int(mask.sum()), 1)
    return {
        "dice": float(2 * both.sum() / (size + template.brain.sum())),
        "outside": float((mask & ~near).sum() / size),
        "missing": float((template.brain & ~mask).sum() / template.brain.sum()),
        "mutual_information": _mutual_information(brain, template.t1),
        "ncc": ncc,
        "upright": (ncc - turned) / max(abs(ncc) + abs(turned), SMALL),
        "white_grey_ratio": _ratio(
            brain.data[both & template.white], brain.data[both & template.grey & ~template.white]
        ),
    }


def _mutual_information(brain: Volume, t1: np.ndarray) -> float:
    if np.ptp(brain.data) == 0:
        return 0.0
    fixed, moving = brain.with_data(t1).to_ants(), brain.to_ants()
    return -float(ants.image_similarity(fixed, moving, "MattesMutualInformation", sampling_strategy="none"))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _turned_correlation(brain: np.ndarray, mask: np.ndarray, template: Template, axis: int) -> float:
    """Correlation with the template flipped along an axis about the middle of its brain."""
    inside = np.flatnonzero(template.brain.any(tuple(a for a in range(3) if a != axis)))
    size = mask.shape[axis]
    source = np.clip(inside[0] + inside[-1] - np.arange(size), 0, size - 1)
    both = mask & template.brain.take(source, axis)
    return _correlation(brain[both], template.t1.take(source, axis)[both])


def _ratio(white: np.ndarray, grey: np.ndarray) -> float:
    if not white.size or not grey.size or np.median(grey) <= 0:
        return 0.0
    return float(np.median(white) / np.median(grey))
