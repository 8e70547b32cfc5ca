"""Percentile intervals by bootstrap over subjects.

A statistic is a function of weights: it takes an array (draws, scans) and returns one value per draw. Whole subjects
are drawn with replacement, so a scan's weight is the number of times its subject was drawn, and all draws are computed
at once (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13; cluster bootstrap: Field & Welsh 2007).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Estimate:
    """A value and its interval; NaN where it is undefined."""

    value: float
    low: float
    high: float


def draw_weights(subjects: np.ndarray, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Draw as many subjects as there are, with replacement, `draws` times.

    Parameters
    ----------
    subjects : array (scans,)
        The subject of each scan.
    draws : int
        Number of bootstrap samples.
    generator : numpy.random.Generator
        The only source of randomness.

    Returns
    -------
    array (draws, scans)
        How often each scan's subject was drawn. One array serves all statistics of the same scans, which pairs them.
    """
    labels, index = np.unique(np.asarray(subjects), return_inverse=True)
    if not len(labels):
        return np.empty((draws, 0))
    counts = generator.multinomial(len(labels), np.full(len(labels), 1 / len(labels)), size=draws)
    return counts[:, index].astype(np.float64)


def estimate(statistic: Statistic, weights: np.ndarray, confidence: float) -> Estimate:
    """Value on the scans themselves, and the percentile interval over `weights`.

    Draws in which the statistic is undefined (an AUC of one class, say) are left out of the interval.

    Examples
    --------
    >>> scans = np.arange(5.0)
    >>> weights = draw_weights(np.arange(5), 2000, np.random.default_rng(0))
    >>> estimate(weighted_mean(scans), weights, 0.95).value
    2.0
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(statistic(np.ones((1, weights.shape[1])))[0]) if weights.shape[1] else np.nan
        drawn = statistic(weights) if np.isfinite(value) else np.empty(0)
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return Estimate(value, np.nan, np.nan)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(low), float(high))


@dataclass(frozen=True)
class Resampler:
    """Values with intervals over the subjects of some scans, every time by the same draws."""

    draws: int
    confidence: float
    seed: int

    def __call__(self, statistic: Statistic, subjects: np.ndarray) -> Estimate:
        """Value and interval of a statistic over the scans of `subjects` (scans,)."""
        weights = draw_weights(subjects, self.draws, np.random.default_rng(self.seed))
        return estimate(statistic, weights, self.confidence)


def weighted_mean(values: np.ndarray) -> Statistic:
    """Mean over scans; of paired differences, this is the paired comparison."""
    values = np.asarray(values, dtype=np.float64)
    return lambda weights: weights @ values / weights.sum(1)


def ratio_of_means(numerator: np.ndarray, denominator: np.ndarray) -> Statistic:
    """Ratio of two means over the same scans."""
    top, bottom = weighted_mean(numerator), weighted_mean(denominator)
    return lambda weights: top(weights) / bottom(weights)


def difference(first: Statistic, second: Statistic) -> Statistic:
    """`first` minus `second`, draw by draw: the paired comparison of two systems on the same subjects."""
    return lambda weights: first(weights) - second(weights)
