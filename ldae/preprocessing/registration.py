"""Alignment of a brain to the MNI152 template with ANTs.

Affine keeps brain size and atrophy up to twelve parameters; SyN follows the paper and removes most of both. They are
different products: which one was used stands in every sidecar.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import ants
import numpy as np
import torch

from ldae.preprocessing.grid import covering_grid, mni_template
from ldae.preprocessing.volume import LPS_FROM_RAS, Volume, coarsen
from ldae.scratch import scratch_folder

SEED = 1
FROM_NEARBY = {  # antspyx's own, without the coarsest level, and 8 instead of 10 iterations at the finest
    "aff_iterations": (1200, 1200, 8),
    "aff_shrink_factors": (4, 2, 1),
    "aff_smoothing_sigmas": (2, 1, 0),
}
ANTS_NAMES = {"affine": "Affine", "syn": "SyN"}


def use_one_thread() -> None:
    """Make ANTs reproducible and this process a good neighbour: one thread and a fixed seed.

    The `random_seed` argument of `ants.registration` has no effect, and the seed 0 means the clock.
    """
    ants.config.set_ants_deterministic(True, seed_value=SEED)
    torch.set_num_threads(1)


@contextmanager
def register(
    brain: Volume, transform: Literal["affine", "syn"], spacing_mm: float, start: np.ndarray
) -> Iterator[list[str]]:
    """Align a brain to the MNI152 template; the transform files live as long as the context.

    Parameters
    ----------
    brain : Volume
        Bias-corrected image, 0 outside the brain.
    transform : {"affine", "syn"}
        Affine, or affine followed by SyN.
    spacing_mm : float
        Voxel size of the template while aligning, and about that of the blocks the brain is averaged to.
    start : ndarray
        (4, 4) from MNI152 to native RAS millimetres, where the affine begins (see `pose`).

    Yields
    ------
    list of str
        Files for `ants.apply_transforms` from native to MNI152 space. After `use_one_thread` the same input gives the
        same transform.
    """
    grid = covering_grid(spacing_mm)
    moving, _ = coarsen(brain, spacing_mm)
    with scratch_folder() as folder:
        first = str(Path(folder, "start.mat"))
        ants.write_transform(_to_ants(start), first)
        found = ants.registration(
            fixed=grid.volume(mni_template(grid).t1).to_ants(),
            moving=moving.to_ants(),
            type_of_transform=ANTS_NAMES[transform],
            initial_transform=[first],
            **(FROM_NEARBY if transform == "affine" else {}),
            outprefix=str(Path(folder, "to-mni-")),
        )
        yield found["fwdtransforms"]


def volume_scale(transforms: list[str]) -> float:
    """Factor by which the affine part enlarges the brain's volume on its way to MNI152.

    Parameters
    ----------
    transforms : list of str
        The files that `register` yields.
    """
    affine = next(path for path in transforms if path.endswith(".mat"))
    matrix = np.reshape(ants.read_transform(affine).parameters[:9], (3, 3))
    return float(1 / abs(np.linalg.det(matrix)))


def _to_ants(affine: np.ndarray) -> ants.ANTsTransform:
    matrix = LPS_FROM_RAS @ affine[:3, :3] @ LPS_FROM_RAS
    shift = (LPS_FROM_RAS @ affine[:3, 3]).tolist()
    return ants.create_ants_transform(transform_type="AffineTransform", matrix=matrix, translation=shift)
