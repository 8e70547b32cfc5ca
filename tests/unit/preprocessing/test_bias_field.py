import numpy as np
import pytest

from ldae.errors import UserError
from ldae.preprocessing import bias_field
from ldae.preprocessing.bias_field import correct_bias_field
from ldae.preprocessing.volume import Volume


@pytest.fixture(scope="module")
def sphere():
    """Two tissues in random patches, a brain-sized mask, and a field of 25 % from side to side."""
    rng = np.random.default_rng(0)
    x, y, z = (np.indices((48, 56, 48)) - np.array([23.5, 27.5, 23.5])[:, None, None, None]) * 3.0
    mask = x**2 + (y / 1.2) ** 2 + z**2 < 65**2
    tissue = np.kron(rng.integers(0, 2, (12, 14, 12)), np.ones((4, 4, 4))) * 0.4 + 0.6
    field = np.exp(0.25 * x / 65 + 0.1 * z / 65)
    return tissue, field, mask, np.diag([3.0, 3.0, 3.0, 1.0])


def test_a_known_field_is_removed(sphere):
    tissue, field, mask, affine = sphere
    scan = Volume((tissue * field * 800).astype(np.float32), affine)
    corrected = correct_bias_field(scan, mask, 6.0, [50, 50, 50]).data
    error = np.log(corrected[mask] / tissue[mask])
    assert error.std() < 0.35 * np.log(field[mask]).std()
    assert (corrected[~mask] == 0).all()


def test_the_unit_of_the_intensities_does_not_matter(sphere):
    tissue, field, mask, affine = sphere
    scan = Volume((tissue * field).astype(np.float32), affine)
    one = correct_bias_field(scan, mask, 9.0, [10]).data
    million = correct_bias_field(scan.with_data(scan.data * np.float32(1e6)), mask, 9.0, [10]).data
    np.testing.assert_allclose(million[mask] / 1e6, one[mask], rtol=1e-3)


def test_a_brain_that_is_not_positive_is_an_error(sphere):
    _, field, mask, affine = sphere
    with pytest.raises(UserError, match="positive"):
        correct_bias_field(Volume(-field.astype(np.float32), affine), mask, 9.0, [10])


def test_the_darkest_voxels_are_relative_to_the_brain(sphere):
    tissue, field, mask, affine = sphere
    scan = Volume((tissue * field).astype(np.float32), affine)
    one = correct_bias_field(scan, mask, 9.0, [10]).data
    tiny = correct_bias_field(scan.with_data(scan.data * np.float32(1e-6)), mask, 9.0, [10]).data
    np.testing.assert_allclose(tiny[mask] * 1e6, one[mask], rtol=1e-3)


def test_what_lies_outside_the_brain_does_not_matter(sphere):
    tissue, field, mask, affine = sphere
    head = (tissue * field).astype(np.float32)
    inside = Volume(np.where(mask, head, 0), affine)
    scalp = Volume(np.where(mask, head, 5 * tissue[::-1] / field).astype(np.float32), affine)
    found = [correct_bias_field(scan, mask, 9.0, [10, 10]).data for scan in (inside, scalp)]
    np.testing.assert_allclose(*found, rtol=1e-3)


def test_dark_tissue_is_corrected_like_bright(sphere):
    """The floor lies far below the darkest tissue."""
    tissue, field, mask, affine = sphere
    dark = np.where(tissue < 0.8, 0.1, 1.0)
    median = np.median((dark * field)[mask])
    corrected = correct_bias_field(Volume((dark * field).astype(np.float32), affine), mask, 9.0, [20, 20]).data
    assert median > 0.5
    assert np.log(corrected[mask] / dark[mask]).std() < 0.6 * np.log(field[mask]).std()


def test_later_levels_follow_a_finer_field(sphere):
    tissue, field, mask, affine = sphere
    y = np.linspace(-1, 1, mask.shape[1])[:, None]
    finer = field * np.exp(0.2 * np.cos(5 * y))
    scan = Volume((tissue * finer).astype(np.float32), affine)
    coarse, fine = (
        np.log(correct_bias_field(scan, mask, 9.0, levels).data[mask] / tissue[mask]).std()
        for levels in ([20], [20, 20, 20])
    )
    assert fine < 0.92 * coarse


def test_the_field_is_applied_where_it_was_found(monkeypatch):
    """An image that is a straight ramp, and is all field, becomes its brain's median; the steps differ by axis."""
    monkeypatch.setattr(bias_field.ants, "n4_bias_field_correction", lambda image, **_: image)
    shape, affine = (31, 26, 23), np.diag([1.0, 2.0, 4.5, 1.0])  # every 9th, 4th and 2nd voxel is seen
    x, y, z = np.indices(shape)
    ramp = Volume((300 + 7 * x + 11 * y + 13 * z).astype(np.float32), affine)
    mask = (x > 4) & (x < 22) & (y > 1) & (y < 21) & (z < 21)
    corrected = correct_bias_field(ramp, mask, 9.0, [10]).data
    np.testing.assert_allclose(corrected[mask], np.median(ramp.data[mask]), rtol=1e-4)
    assert (corrected[~mask] == 0).all()


def test_beyond_the_last_voxel_seen_the_field_goes_on(monkeypatch):
    monkeypatch.setattr(bias_field.ants, "n4_bias_field_correction", lambda image, **_: image)
    flat = Volume(np.full((15, 14, 13), 40, np.float32), np.diag([1.0, 1.5, 2.0, 1.0]))
    np.testing.assert_allclose(correct_bias_field(flat, flat.data > 0, 6.0, [10]).data, 40, rtol=1e-5)
