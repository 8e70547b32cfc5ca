"""The voxels everything is sampled on, and the MNI152 template there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from nilearn import datasets

from ldae.config.preprocessing import PreprocessingConfig
from ldae.preprocessing.resampling import resample
from ldae.preprocessing.volume import Volume

QC_SPACING_MM = 2.0
COVERING_SHAPE_MM = (192, 240, 192)
COVERING_CENTER_MM = (0.0, -17.0, 5.0)
TISSUE_THRESHOLD = 0.5


@dataclass(frozen=True)
class Grid:
    """Cubic voxels along RAS axes in MNI152 millimetres.

    Attributes
    ----------
    shape : tuple of int
        Voxels along right, anterior, superior.
    spacing_mm : float
        Edge of a voxel.
    center_mm : tuple of float
        Middle of the grid.
    """

    shape: tuple[int, int, int]
    spacing_mm: float
    center_mm: tuple[float, float, float]

    @property
    def affine(self) -> np.ndarray:
        """(4, 4), voxel indices to RAS millimetres."""
        affine = np.diag([self.spacing_mm, self.spacing_mm, self.spacing_mm, 1.0])
        affine[:3, 3] = np.array(self.center_mm) - self.spacing_mm * (np.array(self.shape) - 1) / 2
        return affine

    def volume(self, data: np.ndarray | None = None) -> Volume:
        """Put `data`, or zeros, on the voxels of this grid."""
        return Volume(np.zeros(self.shape, np.float32) if data is None else data, self.affine)


def model_grid(config: PreprocessingConfig) -> Grid:
    """The voxels that preprocessed scans lie on."""
    (d, h, w), (x, y, z) = config.grid_shape, config.grid_center_mm
    return Grid((d, h, w), config.grid_spacing_mm, (x, y, z))


def covering_grid(spacing_mm: float) -> Grid:
    """Lay a grid of any voxel size over the MNI152 brain and at least 18 mm around it."""
    x, y, z = (int(np.ceil(extent / spacing_mm)) for extent in COVERING_SHAPE_MM)
    return Grid((x, y, z), spacing_mm, COVERING_CENTER_MM)


QC_GRID = covering_grid(QC_SPACING_MM)  # of every quality number and picture, whatever the model grid


@dataclass(frozen=True)
class Template:
    """nilearn's MNI152 2009a on a grid: T1 (0..1), and masks of the brain, grey and white matter."""

    t1: np.ndarray
    brain: np.ndarray
    grey: np.ndarray
    white: np.ndarray


@lru_cache(maxsize=4)
def mni_template(grid: Grid) -> Template:
    """Sample the template and its maps on a grid, once per process."""
    sampled = {name: resample(source, grid.volume()) for name, source in _sources().items()}
    return Template(sampled.pop("t1"), **{name: share >= TISSUE_THRESHOLD for name, share in sampled.items()})


@lru_cache(maxsize=1)
def _sources() -> dict[str, Volume]:
    images = {
        "t1": datasets.load_mni152_template(resolution=1),
        "brain": datasets.load_mni152_brain_mask(resolution=1),
        "grey": datasets.load_mni152_gm_template(resolution=1),
        "white": datasets.load_mni152_wm_template(resolution=1),
    }
    return {name: Volume(np.asarray(image.dataobj, np.float32), image.affine) for name, image in images.items()}
