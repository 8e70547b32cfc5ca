"""The heads are deterministic, anatomy grows as told, and the shape modes hold no affine part."""

from __future__ import annotations

import numpy as np
import pytest

from ldae.phantom import anatomy
from ldae.phantom.anatomy import Anatomy, draw_shape, draw_size, render_head, true_volumes_ml

NEUTRAL = (0.0,) * anatomy.N_SHAPE_MODES
AFFINE = np.array([[5.0, 0, 0, -95], [0, 5, 0, -140], [0, 0, 5, -90], [0, 0, 0, 1]])
GRID = (38, 48, 38)


def test_ventricles_grow_and_hippocampi_shrink_monotonically():
    volumes = np.array([true_volumes_ml(Anatomy(NEUTRAL, v, g)) for v, g in ((-2, 0), (0, 0.1), (4, 0.3), (9, 0.6))])
    assert (np.diff(volumes[:, 0]) > 3).all() and (np.diff(volumes[:, 1]) < -0.3).all()
    assert 8 < volumes[0, 0] < 15 and 60 < volumes[-1, 0] < 95


def test_a_head_is_deterministic_and_atrophy_darkens_it():
    healthy, atrophied = (render_head(Anatomy(NEUTRAL, v, g), GRID, AFFINE) for v, g in ((0, 0), (7, 0.5)))
    again = render_head(Anatomy(NEUTRAL, 0, 0), GRID, AFFINE)
    assert np.array_equal(healthy.volume, again.volume) and healthy.volume.dtype == np.float32
    assert healthy.volume.shape == GRID and healthy.volume.min() >= 0 and healthy.volume.max() <= 1
    assert atrophied.volume[14:24, 20:34, 18:26].mean() < healthy.volume[14:24, 20:34, 18:26].mean() - 0.03
    assert healthy.ventricle_ml == pytest.approx(true_volumes_ml(Anatomy(NEUTRAL, 0, 0))[0])


def test_moving_the_grid_moves_the_head():
    shifted = AFFINE.copy()
    shifted[0, 3] += 5
    here, there = (render_head(Anatomy(NEUTRAL, 0, 0), GRID, a).volume for a in (AFFINE, shifted))
    assert np.allclose(here[1:], there[:-1], atol=1e-5)


def test_shape_modes_have_no_affine_part():
    atlas = anatomy._atlas()
    points = anatomy._grid_points(atlas.ventricle.shape, atlas.field_origin, anatomy.FIELD_MM)
    brain = anatomy._pooled((anatomy._atlas().head > 0.2).astype(float))[: points.shape[1]] > 0.99
    basis = np.vstack([points[:, brain], np.ones(brain.sum())]).T
    for mode in atlas.modes:
        fit = np.linalg.lstsq(basis, mode[:, brain].T, rcond=None)[0]
        assert np.linalg.norm(basis @ fit) < 0.5 * np.linalg.norm(mode[:, brain])


def test_shapes_are_drawn_by_the_generator():
    assert draw_shape(np.random.default_rng(1)) == draw_shape(np.random.default_rng(1))
    drawn = np.array([draw_shape(np.random.default_rng(seed)) for seed in range(200)])
    assert abs(drawn.mean()) < 0.1 and 0.8 < drawn.std() < 1.05 and abs(drawn).max() <= 2


def test_a_smaller_head_is_the_same_head_in_smaller_voxels():
    small = AFFINE.copy()
    small[:3] *= 0.9
    whole, less = (Anatomy(NEUTRAL, 2, 0.1, size) for size in (1.0, 0.9))
    assert np.allclose(render_head(whole, GRID, AFFINE).volume, render_head(less, GRID, small).volume, atol=0.02)
    assert true_volumes_ml(less)[0] == pytest.approx(0.9**3 * true_volumes_ml(whole)[0])
    drawn = [draw_size(np.random.default_rng(seed)) for seed in range(50)]
    assert 0.85 < min(drawn) < max(drawn) < 0.95
