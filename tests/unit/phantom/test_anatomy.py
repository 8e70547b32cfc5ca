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


def test_the_wall_moves_evenly_between_whole_millimetres():
    volumes = [true_volumes_ml(Anatomy(NEUTRAL, wall, 0.2))[0] for wall in (3.0, 3.25, 3.75, 4.0)]
    shares = (np.array(volumes) - volumes[0]) / (volumes[-1] - volumes[0])
    assert np.allclose(shares, (0, 0.25, 0.75, 1), atol=0.05)


def test_grey_loss_alone_thins_the_cortex_and_both_hippocampi():
    intact, worn = (render_head(Anatomy(NEUTRAL, 2.5, loss), GRID, AFFINE) for loss in (0, 0.5))
    assert worn.ventricle_ml == pytest.approx(intact.ventricle_ml, rel=0.05)
    assert worn.hippocampus_ml < 0.7 * intact.hippocampus_ml
    difference = intact.volume - worn.volume
    brain = intact.volume[:, :, 24:30] > 0.35  # above the ventricles and hippocampi
    assert difference[:, :, 24:30][brain].mean() > 0.03
    halves = difference[:19].sum(), difference[19:].sum()
    assert halves[0] == pytest.approx(halves[1], rel=0.25)


def test_people_of_equal_atrophy_differ_in_shape():
    shapes = (NEUTRAL, (1.5, 0, 0, 0), (0, 0, -1.5, 0))
    heads = [render_head(Anatomy(shape, 2.5, 0.2), GRID, AFFINE).volume for shape in shapes]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(heads[one] - heads[other]).mean() > 0.005


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
