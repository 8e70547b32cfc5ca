import numpy as np
import pytest

from ldae.evaluation.features.morphometry import (
    CENTRUM_SEMIOVALE_MM,
    NAMES,
    ellipsoids,
    measure_regions,
    measure_shares,
    medial_temporal_region,
    ventricle_region,
)
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
    csf, grey, white, ventricles, medial_temporal = shares = measure_shares(scan, GRID)
    assert csf + grey + white == pytest.approx(1)
    assert 0 < ventricles < csf < grey
    assert 0 < medial_temporal < grey / 10
    np.testing.assert_array_equal(measure_shares(scan, GRID), shares)


def test_the_ventricles_lie_in_the_middle_of_the_brain():
    region = ventricle_region(GRID)
    assert 50 < region.sum() * 0.064 < 250
    assert not (region & ~mni_template(GRID).brain).any()


def test_an_ellipsoid_lies_where_it_is_said_to():
    region = ellipsoids(GRID, (10.0, 20.0, 12.0), (20.0, -30.0, 10.0))
    points = np.argwhere(region) * 4.0 + GRID.affine[:3, 3]
    np.testing.assert_allclose(points.mean(0), [20, -30, 10], atol=1.0)
    assert (np.abs(points - [20, -30, 10]).max(0) <= [10, 20, 12]).all()
    assert region.sum() * 0.064 == pytest.approx(4 / 3 * np.pi * 10 * 20 * 12 / 1000, rel=0.1)
    both = ellipsoids(GRID, *CENTRUM_SEMIOVALE_MM)
    np.testing.assert_array_equal(both, both[::-1])
    assert both.sum() == 2 * ellipsoids(GRID, *CENTRUM_SEMIOVALE_MM[:2]).sum()


FINE, COARSE = Grid((128, 160, 128), 1.5, (0.0, -17.0, 5.0)), Grid((32, 40, 32), 5.0, (0.0, -17.0, 5.0))


@pytest.mark.parametrize("grid", [FINE, GRID, COARSE], ids=["1.5 mm", "4 mm", "5 mm"])
def test_the_medial_temporal_lobes_lie_where_anatomy_has_them_on_every_grid(grid):
    share = medial_temporal_region(grid)
    assert share.min() >= 0 and share.max() <= 1 + 1e-6
    points = np.indices(grid.shape).reshape(3, -1).T * grid.spacing_mm + grid.affine[:3, 3]
    for side in (-1, 1):
        weight = share.ravel() * (np.sign(points[:, 0]) == side)
        center = weight @ points / weight.sum()
        np.testing.assert_allclose(center, [side * 26, -21, -13], atol=3)
        assert weight.sum() * grid.spacing_mm**3 / 1000 == pytest.approx(18.3, rel=0.05)  # millilitres
    hippocampus = ellipsoids(grid, (6.0, 14.0, 6.0), (-26.0, -22.0, -14.0), (26.0, -22.0, -14.0))
    assert share[hippocampus].mean() > 0.5 > 10 * share[~hippocampus].mean()


@pytest.mark.parametrize("grid", [FINE, COARSE], ids=["1.5 mm", "5 mm"])
def test_medial_temporal_atrophy_lowers_its_share_on_both_sizes_of_grid(grid):
    inside, anatomy = mni_template(grid).brain, draw_shape(np.random.default_rng(3))
    shares = []
    for grey_loss in (0.1, 0.5):
        head = render_head(Anatomy(anatomy, 1.0, grey_loss), grid.shape, grid.affine).volume
        noisy = np.clip(head + np.random.default_rng(4).normal(0, 0.01, grid.shape), 0.001, 1)
        shares.append(measure_shares(np.where(inside, noisy, 0), grid)[NAMES.index("medial_temporal_share")])
    assert shares[1] < 0.98 * shares[0]


def regions(ventricle_mm: float, grey_loss: float) -> dict[str, float]:
    scan, _ = brain(ventricle_mm, grey_loss, seed=4)
    return measure_regions(scan, GRID, scan > 0)


def test_disease_moves_the_ventricles_and_the_medial_temporal_lobe_and_leaves_the_centrum_semiovale():
    healthy, ill = regions(2.0, 0.1), regions(6.0, 0.4)
    change = {name: ill[name] / healthy[name] - 1 for name in healthy}
    assert change["ventricles_share"] > 0.2
    assert change["medial_temporal_share"] < -0.02
    assert abs(change["semiovale_level"]) < 0.02


def test_regions_are_measured_inside_the_given_brain_alone():
    scan, _ = brain(3.0, 0.2)
    inside = scan > 0
    outside = np.where(inside, scan, 0.03).astype(np.float32)
    assert measure_regions(outside, GRID, inside) == pytest.approx(measure_regions(scan, GRID, inside))
    shares = dict(zip(NAMES, measure_shares(scan, GRID), strict=True))
    regions = measure_regions(scan, GRID, inside)
    for name in ("ventricles_share", "medial_temporal_share"):
        assert regions[name] == shares[name]


def test_the_control_is_the_intensity_there():
    scan, _ = brain(3.0, 0.2)
    region = ellipsoids(GRID, *CENTRUM_SEMIOVALE_MM)
    brighter = np.where(region, scan + 0.05, scan)
    pair = [measure_regions(volume, GRID, scan > 0)["semiovale_level"] for volume in (scan, brighter)]
    assert pair[1] - pair[0] == pytest.approx(0.05)
