"""Tissues and regions of a preprocessed scan: what a reader would measure before training anything."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import nibabel as nib
import numpy as np
from scipy import ndimage
from sklearn.mixture import GaussianMixture

from ldae.preprocessing.grid import Grid, mni_template
from ldae.preprocessing.resampling import resample
from ldae.preprocessing.volume import Volume

NAMES = ("csf_share", "grey_share", "white_share", "ventricles_share", "medial_temporal_share")
VENTRICLE_DEPTH_MM = 25.0
VENTRICLE_MARGIN_MM = 6.0
FITTED_VOXELS = 20_000
REGIONS = ("ventricles_share", "medial_temporal_share", "semiovale_level")
# Rolls, Joliot & Tzourio-Mazoyer, NeuroImage 122:1 (2015), as Clinica carries it
AAL2 = "resources/atlases/atlas-AAL2_dseg.nii.gz"
HIPPOCAMPI, HIPPOCAMPUS_MARGIN_MM = (4101, 4102), 3.0  # their labels there
CENTRUM_SEMIOVALE_MM = ((6.0, 18.0, 6.0), (-26.0, -20.0, 38.0), (26.0, -20.0, 38.0))  # semi-axes, centres
START_QUANTILES, START_WEIGHTS, START_SD = (0.1, 0.45, 0.85), (0.2, 0.45, 0.35), 0.1  # of fluid, grey, white matter


def measure_shares(scan: np.ndarray, grid: Grid) -> np.ndarray:
    """Volumes of the tissues and two regions as shares of the brain's: free of the size of the head.

    Three Gaussians are fitted to the brain's intensities (Ashburner & Friston, NeuroImage 26:839, 2005, without their
    priors); a voxel counts for each tissue by its posterior. Ventricles are the fluid where MNI152 has neither
    grey nor white matter deep in the brain, and 6 mm around; the medial temporal lobe is the grey matter where an
    atlas has the hippocampi, and 3 mm around. Both are regions of MNI152 and no segmentations of this brain.

    Parameters
    ----------
    scan : (D, H, W), intensities 0..1, 0 outside the brain, on `grid`
    grid : voxels in MNI152 space

    Returns
    -------
    ndarray
        (5,) float64, 0..1, the shares `NAMES`; the first three add up to 1.
    """
    inside = scan > 0
    posterior = segment(scan, inside)
    return np.append(posterior.sum(0), _region_volumes(posterior, inside, grid)) / len(posterior)


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

    The shares are those of `measure_shares`; ``semiovale_level`` is the mean intensity of the white matter above the
    ventricles (centrum semiovale), 0..1.
    """
    posterior = segment(scan, inside)
    shares = [volume / len(posterior) for volume in _region_volumes(posterior, inside, grid)]
    level = float(scan[ellipsoids(grid, *CENTRUM_SEMIOVALE_MM)].mean())
    return dict(zip(REGIONS, (*shares, level), strict=True))


def _region_volumes(posterior: np.ndarray, inside: np.ndarray, grid: Grid) -> tuple[float, float]:
    """Fluid of the ventricles and grey matter of the medial temporal lobe, in voxels, by the tissues (n, 3)."""
    fluid = posterior[ventricle_region(grid)[inside], 0].sum()
    return float(fluid), float(posterior[:, 1] @ medial_temporal_region(grid)[inside])


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


@lru_cache(maxsize=2)
def medial_temporal_region(grid: Grid) -> np.ndarray:
    """How much of each voxel of `grid` is within 3 mm of AAL2's hippocampi, 0..1, (D, H, W)."""
    atlas = nib.as_closest_canonical(nib.load(str(files("clinica") / AAL2)))
    away = ~np.isin(np.asarray(atlas.dataobj), HIPPOCAMPI)
    distance = ndimage.distance_transform_edt(away, sampling=atlas.header.get_zooms())
    region = (distance <= HIPPOCAMPUS_MARGIN_MM).astype(np.float32)
    return resample(Volume(region, atlas.affine), grid.volume())
