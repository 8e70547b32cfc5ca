import numpy as np
import pytest
from scipy.linalg import sqrtm

from ldae.evaluation.statistics.bootstrap import draw_weights
from ldae.evaluation.statistics.frechet import estimate_frechet, frechet_distance, weighted_frechet


def by_scipy(first, second):
    """Heusel et al. 2017, equation 6, with scipy's matrix root."""
    gap = first.mean(0) - second.mean(0)
    a, b = np.cov(first.T), np.cov(second.T)
    return gap @ gap + np.trace(a + b - 2 * sqrtm(a @ b).real)


def repeat(features, weights):
    return np.repeat(features, weights.astype(int), axis=0)


def once(*sets):
    return [np.ones((1, len(features))) for features in sets]


@pytest.fixture
def sets():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(6, 6))
    return rng.normal(size=(80, 6)) @ mixing, rng.normal(size=(70, 6)) + 0.2


def test_equal_sets_have_no_distance_and_a_shift_adds_its_square(sets):
    first, _ = sets
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)
    for shift in (0.1, 0.5, 2.0):
        assert frechet_distance(first, first + shift) == pytest.approx(6 * shift**2, abs=1e-5)


def test_another_spread_is_a_distance(sets):
    first, _ = sets
    scaled = 2 * (first - first.mean(0)) + first.mean(0)
    assert frechet_distance(first, scaled) == pytest.approx(np.trace(np.cov(first.T)), rel=1e-6)


def test_three_implementations_agree(sets):
    expected = by_scipy(*sets)
    assert frechet_distance(*sets) == pytest.approx(expected, rel=1e-6)
    assert weighted_frechet(*sets, *once(*sets))[0] == pytest.approx(expected, rel=1e-6)


def test_a_weight_counts_like_a_repeated_image(sets):
    rng = np.random.default_rng(1)
    weights = [draw_weights(np.arange(len(features)), 3, rng) for features in sets]
    drawn = weighted_frechet(*sets, *weights)
    for i in range(3):
        resampled = [repeat(features, each[i]) for features, each in zip(sets, weights, strict=True)]
        assert drawn[i] == pytest.approx(frechet_distance(*resampled), rel=1e-6)


def test_fewer_images_than_features_work_and_are_biased_upwards():
    rng = np.random.default_rng(0)
    few, many = (frechet_distance(rng.normal(size=(n, 20)), rng.normal(size=(n, 20))) for n in (10, 500))
    assert few > 10 * many > 0
    small = rng.normal(size=(5, 20)), rng.normal(size=(8, 20))
    assert weighted_frechet(*small, *once(*small))[0] == pytest.approx(frechet_distance(*small), rel=1e-4)


def test_one_image_has_no_spread(sets):
    assert np.isnan(frechet_distance(sets[0][:1], sets[1]))
    assert np.isnan(frechet_distance(sets[0], sets[1][:1]))


def test_the_interval_holds_the_value_though_drawing_raises_the_distance(sets):
    weights = [draw_weights(np.arange(len(features)), 300, np.random.default_rng(i)) for i, features in enumerate(sets)]
    drawn = weighted_frechet(*sets, *weights)
    result = estimate_frechet(*sets, *weights, 0.95)
    assert drawn.mean() > result.value
    assert result.low < result.value < result.high
    moved = np.quantile(drawn, [0.025, 0.975]) + result.value - drawn.mean()
    assert [result.low, result.high] == pytest.approx(moved.tolist())


def test_no_bound_lies_below_zero():
    rng = np.random.default_rng(0)
    pair = [rng.normal(size=(12, 2)) for _ in range(2)]
    weights = [draw_weights(np.arange(12), 300, np.random.default_rng(i)) for i in range(2)]
    drawn = weighted_frechet(*pair, *weights)
    result = estimate_frechet(*pair, *weights, 0.95)
    assert np.quantile(drawn, 0.025) + result.value - drawn.mean() < 0, "a case that would be negative"
    assert result.low == 0


def test_the_interval_covers_the_distance_expected_of_such_sets():
    """In most repetitions the interval contains the mean distance of sets of the same size."""
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(40, 3)), 1.3 * rng.normal(size=(40, 3)) + 0.5) for _ in range(60)]
    expected = np.mean([frechet_distance(*pair) for pair in pairs])
    covered = []
    for pair in pairs:
        weights = [draw_weights(np.arange(40), 200, rng) for _ in pair]
        result = estimate_frechet(*pair, *weights, 0.95)
        covered.append(result.low <= expected <= result.high)
    assert np.mean(covered) > 0.8
