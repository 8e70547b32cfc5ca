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
