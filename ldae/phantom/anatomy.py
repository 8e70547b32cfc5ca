"""Synthetic heads with known anatomy: the MNI152 T1 under smooth shape modes and a graded atrophy.

The brain is nilearn's MNI152 2009a template. Every head is that template pulled back through a displacement field

    source(y) = y - [sum_k s_k m_k(y) + phi_v(y) - h sum_c (y - c) exp(-|y - c|^2 / 2 sigma^2)]

where m_k are fixed smooth modes without an affine part (registration would remove it), phi_v is the flow for v
millimetres along n(y) exp(-|d(y)| / lambda), d being the signed distance to the lateral ventricles and n its gradient,
and c are the centres of the hippocampi.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from nibabel.affines import voxel_sizes
from nilearn import datasets
from scipy import ndimage

N_SHAPE_MODES = 4
SHAPE_MODE_RMS_MM = 1.5
FIELD_MM = 3
VENTRICLE_RANGE_MM = (-3, 10)
VENTRICLE_DECAY_MM = 20.0
HIPPOCAMPUS_CENTERS_MM = ((-26.0, -22.0, -14.0), (26.0, -22.0, -14.0))
HIPPOCAMPUS_SIGMA_MM = 10.0
HIPPOCAMPUS_SEMI_AXES_MM = (7.0, 16.0, 7.0)
CSF, SKULL, SCALP = 0.25, 0.08, 0.75
CORTICAL_LOSS = 0.6


@dataclass(frozen=True)
class Anatomy:
    """One head.

    Attributes
    ----------
    shape : tuple of float
        Standard-normal weights of the shape modes.
    ventricle_mm : float
        Outward shift of the ventricular wall, from -3 to 10 mm.
    grey_loss : float
        Share of grey matter lost, 0 to about 0.6.
    size : float
        Length relative to MNI152.
    """

    shape: tuple[float, ...]
    ventricle_mm: float
    grey_loss: float
    size: float = 1.0


@dataclass(frozen=True)
class Head:
    """A rendered head.

    Attributes
    ----------
    volume : ndarray
        (D, H, W), float32, intensities 0..1 on the caller's grid.
    ventricle_ml, hippocampus_ml : float
        The true volumes in millilitres.
    """

    volume: np.ndarray
    ventricle_ml: float
    hippocampus_ml: float


@dataclass(frozen=True)
class _Atlas:
    """Template volumes on 1 mm (`head`, `cortex`), masks and fields on a 3 mm grid, and their first voxels."""

    head: np.ndarray
    cortex: np.ndarray
    origin: np.ndarray
    field_origin: np.ndarray
    modes: np.ndarray
    ventricle_flow: np.ndarray
    ventricle: np.ndarray
    hippocampus: np.ndarray


def draw_shape(rng: np.random.Generator) -> tuple[float, ...]:
    """Draw one subject's weights of the shape modes, standard normal and clipped at two standard deviations."""
    return tuple(float(v) for v in np.clip(rng.standard_normal(N_SHAPE_MODES), -2, 2))


def draw_size(rng: np.random.Generator) -> float:
    """Draw the length of one subject's head relative to MNI152, whose brain has a third more volume than people's."""
    return float(np.clip(rng.normal(0.9, 0.02), 0.86, 0.94))


def render_head(anatomy: Anatomy, grid_shape: tuple[int, int, int], affine: np.ndarray) -> Head:
    """Sample a head on a grid.

    Parameters
    ----------
    anatomy : Anatomy
        What to render.
    grid_shape : tuple of int
        Voxels along each axis.
    affine : ndarray
        (4, 4), voxel indices to millimetres from the template's origin; may be oblique.

    Returns
    -------
    Head
    """
    atlas = _atlas()
    spacing = voxel_sizes(affine)
    indices = np.indices(grid_shape, dtype=np.float32).reshape(3, -1)
    world = (affine[:3, :3] @ indices + affine[:3, 3:]) / anatomy.size
    source = world - _sample_vectors(_displacement(anatomy), world, atlas.field_origin, FIELD_MM)
    smoothed, cortex = _smoothed(round(0.35 * float(spacing.mean()) / anatomy.size, 1))
    head = _sample(smoothed, source, atlas.origin, 1.0)
    lost = CORTICAL_LOSS * anatomy.grey_loss * _sample(cortex, source, atlas.origin, 1.0)
    volume = (head * (1 - lost) + CSF * lost).reshape(grid_shape).astype(np.float32)
    return Head(volume, *true_volumes_ml(anatomy))


def true_volumes_ml(anatomy: Anatomy) -> tuple[float, float]:
    """Measure lateral ventricles and hippocampi, in millilitres, without rendering the head."""
    atlas = _atlas()
    return _warped_ml(anatomy, atlas.ventricle), _warped_ml(anatomy, atlas.hippocampus)


def _displacement(anatomy: Anatomy) -> np.ndarray:
    atlas = _atlas()
    points = _grid_points(atlas.ventricle.shape, atlas.field_origin, FIELD_MM)
    field = np.tensordot(np.asarray(anatomy.shape, np.float32), atlas.modes, axes=1)
    low, high = VENTRICLE_RANGE_MM
    position = np.clip(anatomy.ventricle_mm, low, high) - low
    below = min(int(position), high - low - 1)
    share = np.float32(position - below)
    field += (1 - share) * atlas.ventricle_flow[below] + share * atlas.ventricle_flow[below + 1]
    for center in HIPPOCAMPUS_CENTERS_MM:
        offset = points - np.asarray(center, np.float32)[:, None, None, None]
        weight = np.exp(-(offset**2).sum(0) / (2 * HIPPOCAMPUS_SIGMA_MM**2))
        field -= 0.8 * anatomy.grey_loss * offset * weight
    return field


def _warped_ml(anatomy: Anatomy, mask: np.ndarray) -> float:
    atlas = _atlas()
    points = _grid_points(mask.shape, atlas.field_origin, FIELD_MM).reshape(3, -1)
    source = points - _displacement(anatomy).reshape(3, -1)
    return float(_sample(mask, source, atlas.field_origin, FIELD_MM).sum() * (FIELD_MM * anatomy.size) ** 3 / 1000)


def _sample(volume: np.ndarray, world: np.ndarray, origin: np.ndarray, spacing: float) -> np.ndarray:
    return ndimage.map_coordinates(volume, (world - origin[:, None]) / spacing, order=1, cval=0.0)


def _sample_vectors(field: np.ndarray, world: np.ndarray, origin: np.ndarray, spacing: float) -> np.ndarray:
    index = (world - origin[:, None]) / spacing
    return np.stack([ndimage.map_coordinates(part, index, order=1, mode="nearest") for part in field])


def _grid_points(shape: tuple[int, ...], origin: np.ndarray, spacing: float) -> np.ndarray:
    return np.indices(shape, dtype=np.float32) * spacing + origin.astype(np.float32)[:, None, None, None]


@lru_cache(maxsize=4)
def _smoothed(sigma_mm: float) -> tuple[np.ndarray, np.ndarray]:
    atlas = _atlas()
    return ndimage.gaussian_filter(atlas.head, sigma_mm), ndimage.gaussian_filter(atlas.cortex, sigma_mm)


@lru_cache(maxsize=1)
def _atlas() -> _Atlas:
    fine = [
        datasets.load_mni152_template(resolution=1),
        datasets.load_mni152_brain_mask(resolution=1),
        datasets.load_mni152_gm_template(resolution=1),
    ]
    t1, brain, grey = (image.get_fdata().astype(np.float32) for image in fine)
    margin = 24  # millimetres around the template
    t1, brain, grey = (np.pad(volume, margin) for volume in (t1, brain, grey))
    brain = ndimage.binary_fill_holes(brain > 0)
    origin = fine[0].affine[:3, 3] - margin
    outside_mm = _distance_mm(~brain)
    head = np.where(brain, np.maximum(t1, CSF), 0.0)
    for low, high, value in ((0, 3, CSF), (3, 8, SKULL), (8, 13, SCALP)):
        head[(outside_mm > low) & (outside_mm <= high)] = value
    cortex = grey * (_distance_mm(brain) < 25)
    ventricle = np.pad(_lateral_ventricles(), margin)
    field_origin = origin + (FIELD_MM - 1) / 2
    points = _grid_points(_pooled(brain).shape, field_origin, FIELD_MM)
    return _Atlas(
        head=head.astype(np.float32),
        cortex=cortex.astype(np.float32),
        origin=origin,
        field_origin=field_origin,
        modes=_shape_modes(points, _pooled(brain) > 0.5),
        ventricle_flow=_ventricle_flow(ventricle),
        ventricle=_pooled(ventricle),
        hippocampus=_hippocampi(points),
    )


def _pooled(volume: np.ndarray) -> np.ndarray:
    """Means of blocks of `FIELD_MM` voxels of 1 mm."""
    d, h, w = (size // FIELD_MM for size in volume.shape)
    cropped = volume[: d * FIELD_MM, : h * FIELD_MM, : w * FIELD_MM].astype(np.float32)
    return cropped.reshape(d, FIELD_MM, h, FIELD_MM, w, FIELD_MM).mean((1, 3, 5))


def _distance_mm(mask: np.ndarray) -> np.ndarray:
    """Distance to the nearest False voxel of a 1 mm mask, computed on every second voxel."""
    coarse = 2.0 * ndimage.distance_transform_edt(mask[::2, ::2, ::2])
    return ndimage.zoom(
        coarse.astype(np.float32), [n / m for n, m in zip(mask.shape, coarse.shape, strict=True)], order=1
    )


def _lateral_ventricles() -> np.ndarray:
    """Mask on the 1 mm template: the largest piece of CSF in the middle of each hemisphere."""
    grey = datasets.load_mni152_gm_template(resolution=1)
    tissue = grey.get_fdata() + datasets.load_mni152_wm_template(resolution=1).get_fdata()
    x, y, z = _grid_points(tissue.shape, grey.affine[:3, 3], 1.0)
    middle = (np.abs(x) < 38) & (y > -62) & (y < 42) & (z > -12) & (z < 34)
    ventricles = np.zeros(tissue.shape, bool)
    for half in (x <= -1, x >= 1):
        pieces, _ = ndimage.label((tissue < 0.35) & middle & half)
        ventricles |= pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    return ventricles


def _ventricle_flow(ventricle: np.ndarray) -> np.ndarray:
    """(V, 3, D, H, W) displacement of the flow away from the ventricles for every whole millimetre of the range."""
    signed = _pooled(_distance_mm(~ventricle) - _distance_mm(ventricle))
    normal = np.stack(np.gradient(ndimage.gaussian_filter(signed, 0.7), FIELD_MM))
    velocity = normal / np.maximum(np.linalg.norm(normal, axis=0), 1.0) * np.exp(-np.abs(signed) / VENTRICLE_DECAY_MM)
    points = np.indices(signed.shape, dtype=np.float32).reshape(3, -1)
    low, high = VENTRICLE_RANGE_MM
    flows = {0: np.zeros_like(velocity, dtype=np.float32)}
    for sign, end in ((1, high), (-1, -low)):
        displaced: np.ndarray = flows[0]
        for step in range(1, 2 * end + 1):
            at = points - displaced.reshape(3, -1) / FIELD_MM
            moved = _sample_vectors(velocity, at, np.zeros(3), 1.0).reshape(velocity.shape)
            displaced = displaced + 0.5 * sign * moved
            if step % 2 == 0:
                flows[sign * step // 2] = displaced.astype(np.float32)
    return np.stack([flows[v] for v in range(low, high + 1)])


def _hippocampi(points: np.ndarray) -> np.ndarray:
    masks = []
    for center in HIPPOCAMPUS_CENTERS_MM:
        offset = points - np.asarray(center)[:, None, None, None]
        masks.append(((offset / np.reshape(HIPPOCAMPUS_SEMI_AXES_MM, (3, 1, 1, 1))) ** 2).sum(0) <= 1)
    return np.any(masks, axis=0).astype(np.float32)


def _shape_modes(points: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(K, 3, D, H, W) displacement in millimetres: plane waves of 110-170 mm, orthogonal to every affine motion."""
    rng = np.random.default_rng(20250408)
    inside = points[:, mask].astype(np.float64)
    affine_basis = np.vstack([inside, np.ones(inside.shape[1])]).T
    everywhere = np.vstack([points.reshape(3, -1), np.ones(points[0].size)]).T
    modes = []
    for _ in range(N_SHAPE_MODES):
        direction = rng.standard_normal((3, 3))
        wave = direction / np.linalg.norm(direction, axis=1, keepdims=True)
        wave *= 2 * np.pi / rng.uniform(110, 170, (3, 1))
        phase = rng.uniform(0, 2 * np.pi, 3)
        mode = np.stack([np.sin(np.tensordot(w, points, axes=1) + p) for w, p in zip(wave, phase, strict=True)])
        fit = np.linalg.lstsq(affine_basis, mode[:, mask].T, rcond=None)[0]
        mode -= (everywhere @ fit).T.reshape(mode.shape)
        modes.append(mode * SHAPE_MODE_RMS_MM / np.sqrt((mode[:, mask] ** 2).sum(0).mean()))
    return np.stack(modes).astype(np.float32)
