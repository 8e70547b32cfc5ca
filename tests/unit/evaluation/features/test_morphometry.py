import numpy as np
import pytest

from ldae.evaluation.features.morphometry import NAMES, measure_shares, ventricle_region
from ldae.phantom.anatomy import Anatomy, draw_shape, render_head
from ldae.preprocessing.grid import Grid, mni_template

GRID = Grid((38, 47, 38), 4.0, (0.0, -17.0, 5.0))


def brain(ventricle_mm: float, grey_loss: float, seed: int = 0) -> tuple[np.ndarray, float]:
    """A phantom's brain on the grid, with noise, and its true ventricle volume in millilitres."""
    rng = np.random.default_rng(seed)
    head = render_head(Anatomy(draw_shape(rng), ventricle_mm, grey_loss), GRID.shape, GRID.affine)
    inside = mni_template(GRID).brain
    return np.where(inside, np.clip(head.volume + rng.normal(0, 0.01, GRID.shape), 0.001, 1), 0), head.ventricle_ml


def test_ventricles_follow_the_truth():
    rng = np.random.default_rng(1)
    pairs = [brain(rng.uniform(-2, 8), rng.uniform(0, 0.4), seed) for seed in range(8)]
    measured = [measure_shares(scan, GRID)[NAMES.index("ventricles_share")] for scan, _ in pairs]
    assert np.corrcoef(measured, [truth for _, truth in pairs])[0, 1] > 0.85


def test_grey_matter_falls_with_its_loss():
    grey = [measure_shares(brain(1, loss)[0], GRID)[NAMES.index("grey_share")] for loss in (0.0, 0.5)]
    assert grey[1] < grey[0]


def test_the_tissues_fill_the_brain_and_the_ventricles_are_some_of_its_fluid():
    scan, _ = brain(1, 0.1)
    csf, grey, white, ventricles = shares = measure_shares(scan, GRID)
    assert csf + grey + white == pytest.approx(1)
    assert 0 < ventricles < csf < grey
    np.testing.assert_array_equal(measure_shares(scan, GRID), shares)


def test_the_ventricles_lie_in_the_middle_of_the_brain():
    region = ventricle_region(GRID)
    assert 50 < region.sum() * 0.064 < 250
    assert not (region & ~mni_template(GRID).brain).any()
