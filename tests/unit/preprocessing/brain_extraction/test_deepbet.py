"""What is done around deepbet's networks, with stand-ins for them."""

from types import SimpleNamespace

import numpy as np
import pytest

from ldae.preprocessing.brain_extraction import deepbet
from ldae.preprocessing.volume import Volume


@pytest.fixture
def volume():
    return Volume(np.random.default_rng(0).uniform(0, 1, (6, 7, 8)).astype(np.float32), np.diag([2.0, 1.0, 3.0, 1.0]))


@pytest.fixture
def use(monkeypatch):
    """`use(run_model)`: networks whose probability is the image itself; postprocessing takes the first plane off."""

    def without_first_plane(mask):
        return mask & (np.arange(mask.shape[0]) > 0)[:, None, None]

    def use(run_model):
        network = SimpleNamespace(run_model=run_model, postprocess=without_first_plane)
        monkeypatch.setattr(deepbet, "load_networks", lambda: network)

    return use


def test_more_than_one_half_is_brain_before_postprocessing(use, volume, config):
    use(lambda data: data)
    volume.data[2, 0] = 0.5
    expected = volume.data > 0.5
    expected[0] = False
    np.testing.assert_array_equal(deepbet.extract(volume, config), expected)


def test_the_scan_itself_is_left_alone(use, volume, config):
    def spoils(data):
        data[:] = 1
        return data

    use(spoils)
    before = volume.data.copy()
    deepbet.extract(volume, config)
    np.testing.assert_array_equal(volume.data, before)


@pytest.mark.parametrize("error", [AssertionError, ValueError])
def test_no_foreground_is_an_empty_mask(use, volume, config, error):
    def fails(data):
        raise error("nothing found")

    use(fails)
    found = deepbet.extract(volume, config)
    assert found.shape == volume.data.shape and found.dtype == bool and not found.any()


def test_a_failure_of_another_kind_is_not_swallowed(use, volume, config):
    def fails(data):
        raise MemoryError

    use(fails)
    with pytest.raises(MemoryError):
        deepbet.extract(volume, config)
