import numpy as np
import pytest

from ldae.config.preprocessing import MNI_BRAIN_MM
from ldae.preprocessing.grid import QC_GRID, Grid, covering_grid, mni_template

DEMO = Grid((32, 40, 32), 5.0, (0.0, -17.0, 5.0))


def test_the_papers_grid():
    affine = Grid((128, 160, 128), 1.5, (0.0, -17.0, 5.0)).affine
    np.testing.assert_allclose(affine[:3, 3], (-95.25, -136.25, -90.25))
    np.testing.assert_allclose(affine[:3, :3], 1.5 * np.eye(3))
    assert covering_grid(1.5) == Grid((128, 160, 128), 1.5, (0.0, -17.0, 5.0))


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0, 3.7, 5.0, 7.3])
def test_18_mm_around_the_template_are_covered_with_any_voxels(spacing_mm):
    grid = covering_grid(spacing_mm)
    reach = spacing_mm * np.array(grid.shape) / 2
    assert (reach >= (96, 120, 96)).all() and (reach < np.array([96, 120, 96]) + spacing_mm / 2).all()
    low, high = np.array(MNI_BRAIN_MM).T
    assert (np.array(grid.center_mm) - reach <= low - 18).all()
    assert (np.array(grid.center_mm) + reach >= high + 18).all()


def test_quality_is_measured_on_2_mm():
    assert Grid((96, 120, 96), 2.0, (0.0, -17.0, 5.0)) == QC_GRID


def test_data_lie_on_the_voxels_of_their_grid():
    grid = Grid((3, 4, 6), 2.0, (10.0, -6.0, 4.0))
    volume = grid.volume(np.ones(grid.shape, np.float32))
    assert volume.data.all() and not grid.volume().data.any() and grid.volume().data.shape == grid.shape
    corners = volume.affine @ np.array([[0, 0, 0, 1], [2, 3, 5, 1]]).T
    np.testing.assert_allclose(corners[:3].mean(axis=1), grid.center_mm)


@pytest.mark.parametrize("grid", [DEMO, covering_grid(2.0), covering_grid(3.0)], ids=["demo", "2 mm", "3 mm"])
def test_the_whole_template_lies_on_the_grid(grid):
    template = mni_template(grid)
    assert template.brain.sum() * grid.spacing_mm**3 / 1000 == pytest.approx(1883, rel=0.02)  # ml of nilearn's mask
    border = template.brain.copy()
    border[1:-1, 1:-1, 1:-1] = False
    assert not border.any()


def test_white_matter_is_brighter_than_grey():
    template = mni_template(DEMO)
    assert np.median(template.t1[template.white]) > 1.15 * np.median(template.t1[template.grey])
    assert not (template.white & ~template.brain).any()


def test_tissues_have_the_volumes_of_their_maps_at_one_half():
    template, ml = mni_template(QC_GRID), QC_GRID.spacing_mm**3 / 1000
    assert template.grey.sum() * ml == pytest.approx(1089, rel=0.02)
    assert template.white.sum() * ml == pytest.approx(622, rel=0.02)
    assert 0 <= template.t1.min() < 0.01 and 0.9 < template.t1.max() < 1.01
