"""Scores of predictions as functions of scan weights (draws, scans), for `ldae.evaluation.statistics.bootstrap`.

Each agrees with scikit-learn's function of the same name with `sample_weight`; these compute all draws at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ldae.evaluation.statistics.bootstrap import Statistic, weighted_mean


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> Statistic:
    """Area under the ROC curve: the weighted share of (positive, negative) pairs in the right order, ties half."""
    scores, positive = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    margin = scores[positive][:, None] - scores[~positive][None, :]
    right = (margin > 0) + 0.5 * (margin == 0)

    def statistic(weights: np.ndarray) -> np.ndarray:
        of_positive, of_negative = weights[:, positive], weights[:, ~positive]
        return ((of_positive @ right) * of_negative).sum(1) / (of_positive.sum(1) * of_negative.sum(1))

    return statistic


def classification_scores(
    probability: np.ndarray, positive: np.ndarray, threshold: float = 0.5
) -> dict[str, Statistic]:
    """Scores of a binary classifier that calls positive what reaches a threshold.

    Parameters
    ----------
    probability : array (scans,)
        Predicted probability of the positive class.
    positive : bool array (scans,)
        True class.
    threshold : float
        Chosen elsewhere, on other subjects.

    Returns
    -------
    dict
        accuracy, balanced_accuracy, precision, recall, sensitivity (the same as recall), specificity, f1, roc_auc and
        brier, 0..1, and mcc, -1..1 (Matthews' correlation); NaN where undefined. roc_auc and brier need no threshold.
    """
    positive, called = np.asarray(positive, dtype=bool), np.asarray(probability) >= threshold

    def of_counts(formula: Callable[..., np.ndarray]) -> Statistic:
        cells = [positive & called, ~positive & called, positive & ~called, ~positive & ~called]
        return lambda weights: formula(*(weights @ cell.astype(np.float64) for cell in cells))

    recall = of_counts(lambda tp, fp, fn, tn: tp / (tp + fn))
    return {
        "accuracy": weighted_mean(positive == called),
        "balanced_accuracy": of_counts(lambda tp, fp, fn, tn: (tp / (tp + fn) + tn / (tn + fp)) / 2),
        "precision": of_counts(lambda tp, fp, fn, tn: tp / (tp + fp)),
        "recall": recall,
        "sensitivity": recall,
        "specificity": of_counts(lambda tp, fp, fn, tn: tn / (tn + fp)),
        "f1": of_counts(lambda tp, fp, fn, tn: 2 * tp / (2 * tp + fp + fn)),
        "mcc": of_counts(_matthews),
        "roc_auc": roc_auc(probability, positive),
        "brier": weighted_mean((np.asarray(probability, dtype=np.float64) - positive) ** 2),
    }


def expected_calibration_error(probability: np.ndarray, positive: np.ndarray, bins: int = 10) -> Statistic:
    """Mean distance of the probability from the frequency, 0..1, over `bins` equal ranges of the probability.

    Each range counts by its scans (Guo et al., ICML 2017, equation 3).
    """
    probability = np.asarray(probability, dtype=np.float64)
    place = np.minimum((probability * bins).astype(int), bins - 1)
    excess = (probability - np.asarray(positive, dtype=np.float64))[:, None] * (place[:, None] == np.arange(bins))
    return lambda weights: np.abs(weights @ excess).sum(1) / weights.sum(1)


def _matthews(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, tn: np.ndarray) -> np.ndarray:
    return (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))


def regression_scores(predicted: np.ndarray, true: np.ndarray) -> dict[str, Statistic]:
    """Scores of a regression.

    Returns
    -------
    dict
        mae and rmse in the unit of `true`, r2 against the mean of the scored scans, and the slope of the predicted on
        the true values (1 is right; less is regression to the mean).
    """
    true, predicted = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    squared = weighted_mean((predicted - true) ** 2)
    return {
        "mae": weighted_mean(np.abs(predicted - true)),
        "rmse": lambda weights: np.sqrt(squared(weights)),
        "r2": lambda weights: 1 - squared(weights) / _covariance(true, true)(weights),
        "slope": lambda weights: _covariance(true, predicted)(weights) / _covariance(true, true)(weights),
    }


def pearson(first: np.ndarray, second: np.ndarray) -> Statistic:
    """Correlation of two quantities over scans."""
    xy, xx, yy = _covariance(first, second), _covariance(first, first), _covariance(second, second)
    return lambda weights: xy(weights) / np.sqrt(xx(weights) * yy(weights))


def _covariance(first: np.ndarray, second: np.ndarray) -> Statistic:
    x = np.asarray(first, dtype=np.float64) - np.mean(first)
    y = np.asarray(second, dtype=np.float64) - np.mean(second)
    mean_x, mean_y, mean_xy = weighted_mean(x), weighted_mean(y), weighted_mean(x * y)
    return lambda weights: mean_xy(weights) - mean_x(weights) * mean_y(weights)
