from functools import partial

import numpy as np
import pytest
from sklearn import metrics

from ldae.evaluation.statistics.scores import classification_scores, pearson, regression_scores, roc_auc

SKLEARN = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "sensitivity": metrics.recall_score,
    "specificity": partial(metrics.recall_score, pos_label=False),
    "mcc": metrics.matthews_corrcoef,
    "f1": metrics.f1_score,
    "mae": metrics.mean_absolute_error,
    "r2": metrics.r2_score,
    "rmse": metrics.root_mean_squared_error,
}


@pytest.fixture
def weights():
    return np.random.default_rng(1).integers(0, 4, (7, 60)).astype(float)


def test_classification_agrees_with_scikit_learn(weights):
    rng = np.random.default_rng(0)
    positive = rng.random(60) < 0.4
    probability = np.round(np.clip(0.3 * positive + 0.7 * rng.random(60), 0, 1), 1)  # with ties
    scores = classification_scores(probability, positive, 0.4)
    of_probability = {"roc_auc": metrics.roc_auc_score, "brier": metrics.brier_score_loss}
    assert set(scores) == {name for name in SKLEARN if name not in ("mae", "r2", "rmse")} | set(of_probability)
    for name, statistic in scores.items():
        for row, value in zip(weights, statistic(weights), strict=True):
            if name in of_probability:
                expected = of_probability[name](positive, probability, sample_weight=row)
            else:
                expected = SKLEARN[name](positive, probability >= 0.4, sample_weight=row)
            assert value == pytest.approx(expected), name


def test_regression_agrees_with_scikit_learn(weights):
    rng = np.random.default_rng(0)
    true = 75 + 8 * rng.normal(size=60)
    predicted = true + rng.normal(size=60)
    scores = regression_scores(predicted, true)
    slopes = [np.polyfit(true, predicted, 1, w=np.sqrt(row))[0] for row in weights]
    np.testing.assert_allclose(scores.pop("slope")(weights), slopes)
    for name, statistic in scores.items():
        expected = [SKLEARN[name](true, predicted, sample_weight=row) for row in weights]
        np.testing.assert_allclose(statistic(weights), expected, err_msg=name)


def test_pearson_agrees_with_numpy(weights):
    rng = np.random.default_rng(0)
    x = 30 + rng.normal(size=60)
    y = x + rng.normal(size=60)
    repeated = [np.corrcoef(np.repeat(x, row.astype(int)), np.repeat(y, row.astype(int)))[0, 1] for row in weights]
    np.testing.assert_allclose(pearson(x, y)(weights), repeated)


def test_auc_of_one_class_is_undefined():
    with np.errstate(invalid="ignore"):
        assert np.isnan(roc_auc(np.arange(4), np.ones(4, bool))(np.ones((1, 4)))[0])


def test_auc_is_one_half_for_equal_scores_and_one_in_perfect_order():
    positive = np.array([0, 0, 1, 1], bool)
    assert roc_auc(np.zeros(4), positive)(np.ones((1, 4)))[0] == 0.5
    assert roc_auc(np.arange(4), positive)(np.ones((1, 4)))[0] == 1.0
