"""A brain brought to MNI152: from the best start, and from others where the result shows that it was lost."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from ldae.config.preprocessing import PreprocessingConfig
from ldae.preprocessing.grid import QC_GRID, mni_template, model_grid
from ldae.preprocessing.pose import Start, angle_between, find_starts
from ldae.preprocessing.quality import measure_alignment
from ldae.preprocessing.registration import register, volume_scale
from ldae.preprocessing.resampling import resample_brain
from ldae.preprocessing.volume import Volume

logger = logging.getLogger(__name__)

LOST_BELOW = {"dice": 0.93, "mutual_information": 0.43, "upright": 0.2}  # just inside the fail limits of config.yaml
MAX_STARTS = 3
OTHER_DEG = 10.0  # a start turned by less is no other start


@dataclass(frozen=True)
class Aligned:
    """A brain on the model grid and on `QC_GRID`, each with its mask, and the numbers of the alignment."""

    image: np.ndarray
    mask: np.ndarray
    qc_image: np.ndarray
    qc_mask: np.ndarray
    numbers: dict[str, float]

    @property
    def lost(self) -> bool:
        """Whether the alignment is worth another start; the verdict is not made here, by the user's own limits."""
        return any(self.numbers[name] < limit for name, limit in LOST_BELOW.items())


def align(brain: Volume, mask: np.ndarray, start: Start, config: PreprocessingConfig) -> Aligned:
    """Align a brain to MNI152 from `start`, and, as long as it is lost, from up to two others.

    Parameters
    ----------
    brain : Volume
        Bias-corrected native image, 0 outside the mask.
    mask : ndarray
        Boolean, on the same voxels.
    start : Start
        Where to begin.
    config : PreprocessingConfig
        The section `preprocessing`.

    Returns
    -------
    Aligned
        That with the highest mutual information; `numbers` are those of `measure_alignment`, ``volume_scale``, the
        start's angles in degrees, and how many starts were tried.
    """
    tried, found = [start], [_align_from(brain, mask, start, config)]
    if found[0].lost:
        for other in find_starts(brain, more=True):
            if all(angle_between(other.affine, one.affine) > OTHER_DEG for one in tried):
                tried.append(other)
                found.append(_align_from(brain, mask, other, config))
            if not found[-1].lost or len(tried) == MAX_STARTS:
                break
        logger.warning("the alignment looked lost; starts tried: %d", len(tried))
    best = max(found, key=lambda aligned: aligned.numbers["mutual_information"])
    best.numbers["starts_tried"] = len(tried)
    return best


def _align_from(brain: Volume, mask: np.ndarray, start: Start, config: PreprocessingConfig) -> Aligned:
    with register(brain, config.transform, config.registration_spacing_mm, start.affine) as transforms:
        scale = volume_scale(transforms)
        image, image_mask = resample_brain(brain, mask, model_grid(config).volume(), transforms)
        qc_image, qc_mask = resample_brain(brain, mask, QC_GRID.volume(), transforms)
    numbers = {
        "volume_scale": scale,
        **measure_alignment(QC_GRID.volume(qc_image), qc_mask, mni_template(QC_GRID)),
        "start_pitch_deg": start.pitch_deg,
        "start_roll_deg": start.roll_deg,
        "start_yaw_deg": start.yaw_deg,
    }
    return Aligned(image, image_mask, qc_image, qc_mask, numbers)
