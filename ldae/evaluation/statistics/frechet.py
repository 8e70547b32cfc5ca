"""The Fréchet distance of two sets of features, and what drawing them again does to it.

With n images per set and d features a distance above zero is expected even between two sets of one distribution; the
bias grows with d / n and is large where n is below d. Distances compare only between sets of equal size on one
extractor.
"""

from __future__ import annotations

import numpy as np
import torch
from monai.metrics import FIDMetric

from ldae.evaluation.statistics.bootstrap import Estimate


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of the Gaussians fitted to features (n, d) and (m, d), by MONAI; NaN with n or m below 2."""
    if min(len(first), len(second)) < 2:
        return np.nan
    return float(FIDMetric()(torch.from_numpy(first), torch.from_numpy(second)))


def weighted_frechet(
    first: np.ndarray, second: np.ndarray, first_weights: np.ndarray, second_weights: np.ndarray
) -> np.ndarray:
    """The same distance where each image counts as often as its weight says, (draws,) from (draws, n) and (draws, m).

    With centred features A and B, divided by the roots of n - 1 and m - 1, the trace of (S_A S_B)^(1/2) is the sum of
    the singular values of A B^T, which needs no root of a singular matrix.
    """
    first, second = first.astype(np.float64), second.astype(np.float64)
    distances = []
    for weights in zip(first_weights, second_weights, strict=True):
        (a, mean_a), (b, mean_b) = map(_centre, (first, second), weights)
        overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum()
        distances.append(((mean_a - mean_b) ** 2).sum() + (a**2).sum() + (b**2).sum() - 2 * overlap)
    return np.array(distances)


def _centre(features: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A factor A of the weighted covariance, A^T A, and the mean."""
    mean, drawn = weights @ features / weights.sum(), weights > 0
    return np.sqrt(weights[drawn, None] / (weights.sum() - 1)) * (features[drawn] - mean), mean


def estimate_frechet(
    first: np.ndarray,
    second: np.ndarray,
    first_weights: np.ndarray,
    second_weights: np.ndarray,
    confidence: float,
) -> Estimate:
    """The distance and an interval for its expectation at this number of images.

    Drawing with replacement repeats images, which alone raises the distance: the percentiles are those of the draws
    moved by a constant so that their mean is the value, 0 at least.
    """
    value = frechet_distance(first, second)
    if not np.isfinite(value) or not len(first_weights):
        return Estimate(value, np.nan, np.nan)
    drawn = weighted_frechet(first, second, first_weights, second_weights)
    low, high = np.quantile(drawn - drawn.mean(), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, max(0.0, value + float(low)), value + float(high))
