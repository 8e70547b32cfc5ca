"""Tissues and ventricles of a preprocessed scan: what a reader would measure before training anything."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage
from sklearn.mixture import GaussianMixture

from ldae.preprocessing.grid import Grid, mni_template

NAMES = ("csf_share", "grey_share", "white_share", "ventricles_share")
VENTRICLE_DEPTH_MM = 25.0
VENTRICLE_MARGIN_MM = 6.0
FITTED_VOXELS = 20_000
REGIONS = ("ventricles_share", "medial_temporal_share", "semiovale_level")
HIPPOCAMPI_MM = ((14.0, 24.0, 14.0), (-26.0, -22.0, -14.0), (26.0, -22.0, -14.0))  # semi-axes, centres
CENTRUM_SEMIOVALE_MM = ((6.0, 18.0, 6.0), (-26.0, -20.0, 38.0), (26.0, -20.0, 38.0))
START_QUANTILES, START_WEIGHTS, START_SD = (0.1, 0.45, 0.85), (0.2, 0.45, 0.35), 0.1  # of fluid, grey, white matter


def measure_shares(scan: np.ndarray, grid: Grid) -> np.ndarray:
    """Volumes of the tissues and the ventricles as shares of the brain's: free of the size of the head.

    Three Gaussians are fitted to the brain's intensities (Ashburner & Friston, NeuroImage 26:839, 2005, without their
    priors); a voxel counts for each tissue by its posterior. Ventricles are the fluid where MNI152 has neither
    grey nor white matter deep in the brain, and 6 mm around.

    Parameters
    ----------
    scan : (D, H, W), intensities 0..1, 0 outside the brain, on `grid`
    grid : voxels in MNI152 space

    Returns
    -------
    ndarray
        (4,) float64, 0..1, the shares `NAMES`; the first three add up to 1.
    """
    inside = scan > 0
    posterior = segment(scan, inside)
    fluid = posterior[ventricle_region(grid)[inside], 0].sum()
    return np.append(posterior.sum(0), fluid) / len(posterior)


def segment(scan: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """How far each of the n voxels of a scan (D, H, W) that are `inside` is fluid, grey and white matter: (n, 3)."""
    values = scan[inside].astype(np.float64)[:, None]
    step = max(1, len(values) // FITTED_VOXELS)
    mixture = GaussianMixture(
        3,
        means_init=np.quantile(values, START_QUANTILES)[:, None],
        weights_init=START_WEIGHTS,
        precisions_init=np.full((3, 1, 1), START_SD**-2),
        random_state=0,
    ).fit(values[::step])
    return mixture.predict_proba(values)[:, np.argsort(mixture.means_[:, 0])]


def measure_regions(scan: np.ndarray, grid: Grid, inside: np.ndarray) -> dict[str, float]:
    """What disease changes, and what it leaves alone: `REGIONS` of a scan (D, H, W), its brain being `inside`.

    ``ventricles_share`` is that of `measure_shares`; ``medial_temporal_share`` the grey matter within ellipsoids
    around the hippocampi, as a share of the brain; ``semiovale_level`` the mean intensity of the white matter above the
    ventricles (centrum semiovale), 0..1.
    """
    posterior = segment(scan, inside)
    fluid = posterior[ventricle_region(grid)[inside], 0].sum()
    grey = posterior[ellipsoids(grid, *HIPPOCAMPI_MM)[inside], 1].sum()
    level = float(scan[ellipsoids(grid, *CENTRUM_SEMIOVALE_MM)].mean())
    return dict(zip(REGIONS, (fluid / len(posterior), grey / len(posterior), level), strict=True))


@lru_cache(maxsize=4)
def ellipsoids(grid: Grid, semi_axes: tuple[float, float, float], *centers: tuple[float, float, float]) -> np.ndarray:
    """Voxels of `grid` within ellipsoids about MNI152 coordinates: boolean, (D, H, W)."""
    points = np.indices(grid.shape).T * grid.spacing_mm + grid.affine[:3, 3]
    distances = [(((points - center) / semi_axes) ** 2).sum(-1) for center in centers]
    return (np.min(distances, axis=0) <= 1).T


@lru_cache(maxsize=2)
def ventricle_region(grid: Grid) -> np.ndarray:
    """Where ventricles are looked for: boolean, on the voxels of `grid`."""
    template = mni_template(grid)
    depth = ndimage.distance_transform_edt(template.brain, sampling=grid.spacing_mm)
    core = (depth > VENTRICLE_DEPTH_MM) & ~template.grey & ~template.white
    return ndimage.distance_transform_edt(~core, sampling=grid.spacing_mm) <= VENTRICLE_MARGIN_MM
