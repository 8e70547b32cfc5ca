import ants
import numpy as np
import pytest

from ldae.preprocessing.resampling import antialiasing_sigma, resample, resample_brain
from ldae.preprocessing.volume import Volume


def cube(data, spacing):
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(data.shape) - 1) / 2
    return Volume(data.astype(np.float32), affine)


@pytest.mark.parametrize(
    "native, target, sigma",
    [(1.0, 1.0, 0.0), (3.0, 2.0, 0.0), (1.0, 1.5, 0.24), (3.0, 5.0, 0.39), (0.7, 5.0, 2.98)],
)
def test_blur_grows_with_the_step_and_is_nearly_off_on_the_papers_grid(native, target, sigma):
    assert antialiasing_sigma(np.array([native]), np.array([target]))[0] == pytest.approx(sigma, abs=0.01)


def test_the_same_grid_is_the_identity():
    volume = cube(np.random.default_rng(0).normal(size=(8, 9, 10)), 2.0)
    np.testing.assert_allclose(resample(volume, volume), volume.data, atol=1e-5)


def test_noise_does_not_alias():
    noise = cube(np.random.default_rng(0).normal(size=(70, 70, 70)), 0.7)
    coarse = resample(noise, cube(np.zeros((6, 6, 6)), 5.0))
    assert coarse.std() < 0.06  # plain linear interpolation leaves at least 0.3


def test_the_edge_of_the_brain_takes_nothing_from_outside():
    x, y, z = np.indices((40, 40, 40)) - 19.5
    mask = x**2 + y**2 + z**2 < 15**2
    brain = cube(np.where(mask, 3.0, 0.0), 1.0)
    image, inside = resample_brain(brain, mask, cube(np.zeros((13, 13, 13)), 3.0), [])
    assert inside.any() and not inside.all()
    np.testing.assert_allclose(image[inside], 3.0, rtol=1e-4)
    assert (image[~inside] == 0).all()
    assert inside.sum() * 27 == pytest.approx(mask.sum(), rel=0.1)


def oblong(data, spacing, start=(0.0, 0.0, 0.0)):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = start
    return Volume(np.asarray(data, np.float32), affine)


def test_values_are_interpolated_linearly_where_they_lie():
    """A ramp of world coordinates, taken at voxels between those of the source, holds their coordinates."""
    x, y, z = np.indices((20, 18, 16))
    ramp = oblong(5 * x - 10 + 0.7 * (3 * y + 4) + 2.5 * (2 * z - 6), (5, 3, 2), (-10, 4, -6))
    target = oblong(np.zeros((6, 7, 5)), (4.5, 2.6, 2.1), (7.3, 9.1, -1.7))
    x, y, z = np.indices(target.data.shape)
    expected = 4.5 * x + 7.3 + 0.7 * (2.6 * y + 9.1) + 2.5 * (2.1 * z - 1.7)
    np.testing.assert_allclose(resample(ramp, target), expected, rtol=1e-4, atol=1e-3)


def test_transforms_lead_from_target_to_source_the_first_one_first(tmp_path):
    """At the height z is found what lies at (z + 6) / 2: moved first, then halved."""
    files = []
    for name, scale, shift in (("moved", 1, 6), ("halved", 0.5, 0)):
        transform = ants.create_ants_transform(
            transform_type="AffineTransform", matrix=np.diag([1.0, 1.0, scale]), translation=(0.0, 0.0, shift)
        )
        files.append(str(tmp_path / f"{name}.mat"))
        ants.write_transform(transform, files[-1])
    height = oblong(np.zeros((5, 6, 1)) + np.arange(30.0), (2, 2, 2), (-4, -5, -20))
    target = oblong(np.zeros((2, 2, 9)), (2, 2, 2.5), (0, 0, 1))
    z = 2.5 * np.arange(9) + 1
    np.testing.assert_allclose(resample(height, target, files)[1, 1], ((z + 6) / 2 + 20) / 2, rtol=1e-4)


def test_each_axis_is_blurred_for_its_own_step():
    """Slices of 3 mm stay what they are on voxels of 3 mm, whatever the finer voxels within the slices."""
    slices = np.random.default_rng(6).normal(size=12)
    volume = oblong(np.zeros((40, 38, 1)) + slices, (0.8, 1.0, 3.0))
    found = resample(volume, oblong(np.zeros((3, 3, 12)), (3, 3, 3), (12, 12, 0)))
    np.testing.assert_allclose(found, np.zeros((3, 3, 1)) + slices, atol=1e-4)


def test_a_point_becomes_as_wide_as_a_voxel_of_the_target():
    """Variances add up: that of 2 mm voxels less that of 0.5 mm voxels, less the interpolation's share."""
    impulse = np.zeros((81, 9, 9))
    impulse[40] = 1
    volume = oblong(impulse, (0.5, 2, 2), (-20, -8, -8))
    spread = np.stack(
        [resample(volume, oblong(np.zeros((17, 1, 1)), (2, 2, 2), (x, 0, 0))) for x in -16 + 0.5 * np.arange(4)]
    )
    at = -16 + 0.5 * np.arange(4)[:, None] + 2 * np.arange(17)
    weights = spread[:, :, 0, 0]
    variance = (weights * at**2).sum() / weights.sum()
    full_width = 8 * np.log(2)
    assert variance == pytest.approx((2**2 - 0.5**2) / full_width - 0.5**2 / 6, rel=0.04)
    assert (weights * at).sum() == pytest.approx(0, abs=1e-3)


def test_beyond_the_image_is_nothing():
    full = oblong(np.ones((40, 40, 40)), (1, 1, 1))
    found = resample(full, oblong(np.zeros((1, 1, 9)), (4, 4, 4), (20, 20, -8)))[0, 0]
    assert (found[:2] == 0).all() and found[6] == pytest.approx(1, abs=1e-3)
    assert 0.4 < found[2] < 0.8  # the blur at the first voxel reaches beyond it


@pytest.mark.parametrize("share, inside", [(0.4, False), (0.5, True), (0.6, True)])
def test_a_voxel_is_in_the_brain_from_one_half(share, inside):
    mask = np.zeros((9, 9, 12), bool)
    mask[:, :, 6:] = True
    brain = oblong(np.where(mask, 7.0, 0), (1, 1, 1))
    image, found = resample_brain(brain, mask, oblong(np.zeros((2, 2, 1)), (1, 1, 1), (3, 3, 5 + share)), [])
    assert (found == inside).all()
    np.testing.assert_allclose(image, 7.0 if inside else 0, rtol=1e-5)
