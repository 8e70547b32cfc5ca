import numpy as np
import pytest

from ldae.errors import UserError
from ldae.preprocessing.intensity import scale_intensities


@pytest.fixture
def brain():
    rng = np.random.default_rng(0)
    mask = np.zeros((20, 20, 20), bool)
    mask[4:16, 4:16, 4:16] = True
    return rng.uniform(200, 900, mask.shape), mask


def test_range_background_and_percentiles(brain):
    data, mask = brain
    scaled = scale_intensities(data, mask, (1.0, 99.0))
    assert scaled.dtype == np.float32
    assert scaled.min() == 0 and scaled.max() == 1
    assert (scaled[~mask] == 0).all()
    assert (scaled[mask] == 1).mean() == pytest.approx(0.01, abs=0.003)


def test_gain_offset_and_scalp_do_not_matter(brain):
    data, mask = brain
    reference = scale_intensities(data, mask, (0.1, 99.9))
    other = np.where(mask, 40 + 1e6 * data, 1e12)
    np.testing.assert_allclose(scale_intensities(other, mask, (0.1, 99.9)), reference, atol=1e-6)


def test_no_brain_and_no_contrast_are_errors(brain):
    data, mask = brain
    with pytest.raises(UserError, match="contrast"):
        scale_intensities(data, mask & False, (0.1, 99.9))
    with pytest.raises(UserError, match="contrast"):
        scale_intensities(data * 0 + 5, mask, (0.1, 99.9))
