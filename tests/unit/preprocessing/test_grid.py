import numpy as np
import pytest

from ldae.preprocessing.grid import Grid, covering_grid, mni_template

DEMO = Grid((32, 40, 32), 5.0, (0.0, -17.0, 5.0))


def test_the_papers_grid():
    affine = Grid((128, 160, 128), 1.5, (0.0, -17.0, 5.0)).affine
    np.testing.assert_allclose(affine[:3, 3], (-95.25, -136.25, -90.25))
    np.testing.assert_allclose(affine[:3, :3], 1.5 * np.eye(3))


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
