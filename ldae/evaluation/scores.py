"""Scores of predictions as functions of scan weights (draws, scans), for the bootstrap of `ldae.evaluation.bootstrap`.

Each agrees with scikit-learn's function of the same name with `sample_weight`; these compute all draws at once.
"""

from __future__ import annotations

import numpy as np

from ldae.evaluation.bootstrap import Statistic, weighted_mean


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> Statistic:
    """Area under the ROC curve: the weighted share of (positive, negative) pairs in the right order, ties half."""
    scores, positive = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    margin = scores[positive][:, None] - scores[~positive][None, :]
    right = (margin > 0) + 0.5 * (margin == 0)

    def statistic(weights: np.ndarray) -> np.ndarray:
        of_positive, of_negative = weights[:, positive], weights[:, ~positive]
        return ((of_positive @ right) * of_negative).sum(1) / (of_positive.sum(1) * of_negative.sum(1))

    return statistic


def classification_scores(probability: np.ndarray, positive: np.ndarray) -> dict[str, Statistic]:
    """Scores of a binary classifier at a threshold of 0.5.

    Parameters
    ----------
    probability : array (scans,)
        Predicted probability of the positive class.
    positive : bool array (scans,)
        True class.

    Returns
    -------
    dict
        accuracy, balanced_accuracy, precision, recall, f1 and roc_auc, 0..1; NaN where undefined.
    """
    positive, called = np.asarray(positive, dtype=bool), np.asarray(probability) >= 0.5

    def counts(weights: np.ndarray) -> tuple[np.ndarray, ...]:
        cells = (positive & called, ~positive & called, positive & ~called, ~positive & ~called)
        return tuple(weights @ cell.astype(np.float64) for cell in cells)

    def balanced_accuracy(weights: np.ndarray) -> np.ndarray:
        tp, fp, fn, tn = counts(weights)
        return (tp / (tp + fn) + tn / (tn + fp)) / 2

    def precision(weights: np.ndarray) -> np.ndarray:
        tp, fp, _, _ = counts(weights)
        return tp / (tp + fp)

    def recall(weights: np.ndarray) -> np.ndarray:
        tp, _, fn, _ = counts(weights)
        return tp / (tp + fn)

    def f1(weights: np.ndarray) -> np.ndarray:
        tp, fp, fn, _ = counts(weights)
        return 2 * tp / (2 * tp + fp + fn)

    return {
        "accuracy": weighted_mean(positive == called),
        "balanced_accuracy": balanced_accuracy,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": roc_auc(probability, positive),
    }


def regression_scores(predicted: np.ndarray, true: np.ndarray) -> dict[str, Statistic]:
    """Scores of a regression: mae and rmse in the unit of `true`, and r2 against the mean of the scored scans."""
    true = np.asarray(true, dtype=np.float64)
    residual = np.asarray(predicted, dtype=np.float64) - true
    squared, second, first = weighted_mean(residual**2), weighted_mean(true**2), weighted_mean(true)
    return {
        "mae": weighted_mean(np.abs(residual)),
        "rmse": lambda weights: np.sqrt(squared(weights)),
        "r2": lambda weights: 1 - squared(weights) / (second(weights) - first(weights) ** 2),
    }


def pearson(first: np.ndarray, second: np.ndarray) -> Statistic:
    """Correlation of two quantities over scans."""
    x = np.asarray(first, dtype=np.float64) - np.mean(first)
    y = np.asarray(second, dtype=np.float64) - np.mean(second)
    mean_x, mean_y, xx, yy, xy = (weighted_mean(values) for values in (x, y, x * x, y * y, x * y))

    def statistic(weights: np.ndarray) -> np.ndarray:
        covariance = xy(weights) - mean_x(weights) * mean_y(weights)
        variances = (xx(weights) - mean_x(weights) ** 2) * (yy(weights) - mean_y(weights) ** 2)
        return covariance / np.sqrt(variances)

    return statistic
