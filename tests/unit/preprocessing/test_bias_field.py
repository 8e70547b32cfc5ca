import numpy as np
import pytest

from ldae.errors import UserError
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
