import numpy as np
import pytest

from ldae.errors import UserError
from ldae.preprocessing.intensity import scale_intensities, to_grey_levels


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


@pytest.fixture
def skewed():
    """A brain with the values 1^2 to 1000^2 in any order, among brighter and negative background."""
    rng = np.random.default_rng(3)
    mask = np.zeros((14, 20, 17), bool)
    mask[2:12, 5:15, 4:14] = True
    data = np.where(np.arange(mask.size).reshape(mask.shape) % 2, -5e5, 4e6)
    data[mask] = rng.permutation(np.arange(1, 1001)) ** 2.0
    return data, mask


def test_both_percentiles_are_those_asked_for(skewed):
    data, mask = skewed
    low, high = np.percentile(np.arange(1, 1001) ** 2.0, (20, 95))
    scaled = scale_intensities(data, mask, (20, 95))
    np.testing.assert_allclose(scaled[mask], np.clip((data[mask] - low) / (high - low), 0, 1), atol=1e-6)
    assert (scaled[mask] == 0).sum() == 200 and (scaled[mask] == 1).sum() == 50
    assert (scaled[~mask] == 0).all()


def test_grey_levels_run_from_0_to_the_brains_99_9th_percentile(skewed):
    data, mask = skewed
    data[mask & (data == 1000**2)] = 2e6  # above the percentile
    data[mask & (data == 1)] = 0
    levels = to_grey_levels(data, mask)
    top = np.percentile(data[mask], 99.9)
    expected = np.clip(np.rint(255 * data[mask] / top), 1, 255)
    assert levels.dtype == np.uint8 and top < 1.01e6
    np.testing.assert_array_equal(levels[mask], expected)
    assert expected.min() == 1 and expected.max() == 255


def test_the_mask_can_be_read_off_the_grey_levels(skewed):
    data, mask = skewed
    data[mask] -= 50**2  # some are negative, one is 0
    np.testing.assert_array_equal(to_grey_levels(data, mask) > 0, mask)


def test_no_brain_is_all_black(skewed):
    data, mask = skewed
    assert not to_grey_levels(data, mask & False).any()
