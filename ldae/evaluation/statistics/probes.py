"""Linear probes on standardised features: one diagnosis against another, and a number such as age.

Imputer, scaler and probe see training subjects only; the regularisation, the threshold and of components their number
are chosen on validation subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, log_loss, mean_absolute_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ldae.data.labels import DATASET
from ldae.data.leaks import refuse_torn_subjects
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings

FLAT = 5e-3  # losses that differ by less, in nats or years, are the same


class OneScale(StandardScaler):
    """Centre every feature and divide all by one number: their variances are 1 on average and keep their ratios.

    Scaled each for itself, the last components of a PCA, which are noise, would count as much as the first.
    """

    def fit(self, X: np.ndarray, y: object = None, sample_weight: object = None) -> OneScale:
        """Learn the centres and the scale of features (scans, dim)."""
        super().fit(X, y, sample_weight)
        self.scale_ = np.full(len(self.var_), np.sqrt(self.var_.mean()) or 1.0)
        return self


@dataclass(frozen=True)
class FittedProbe:
    """A fitted imputer, scaler and linear model, its regularisation, and what they were chosen by.

    `subjects`: those fitted to (train) and chosen by (validation); `n_features`: how many of the features it takes;
    `at_edge`: see `is_at_edge`; `threshold`: of a classifier, else NaN.
    """

    model: Pipeline
    regularisation: float
    subjects: dict[str, list[str]]
    n_features: int
    at_edge: bool
    threshold: float = np.nan

    def predict(self, embeddings: Embeddings) -> np.ndarray:
        """Probability of the positive class, or the predicted number; (scans,)."""
        if not len(embeddings.table):
            return np.empty(0)
        if np.isnan(self.threshold):
            return self.model.predict(embeddings.features)
        return self.model.predict_proba(embeddings.features)[:, 1]


def fit_probe(
    embeddings: Embeddings,
    target: np.ndarray,
    build: Callable[[float], Any],
    grid: Sequence[float],
    loss: Callable[[Any, np.ndarray, np.ndarray], float],
) -> FittedProbe:
    """Fit on training scans for each value of `grid`; keep the best on validation scans.

    Of nested features the first 1, 2, 4, 8, … are tried as well.

    Parameters
    ----------
    embeddings : Embeddings
        Scans of all splits; the test scans serve only to check that none of their subjects is fitted.
    target : array (scans,)
        What to predict.
    build : function
        Gives an unfitted scikit-learn model for a regularisation value.
    grid : sequence of float
        Rising regularisation values; where nothing is to be chosen no validation scan is needed.
    loss : function
        Loss of (model, prepared features, target) on the validation scans.

    Raises
    ------
    UserError
        A subject stands in two splits, or the training or the validation split is empty.
    """
    table, target = embeddings.table, np.asarray(target)
    features = embeddings.features.astype(np.float64)
    train, validation = ((table["split"] == split).to_numpy() for split in ("train", "validation"))
    refuse_torn_subjects(table)
    sizes = list_sizes(embeddings)
    choose = len(sizes) * len(grid) > 1
    needed = {"training": train, "validation": validation} if choose else {"training": train}
    for name, rows in needed.items():
        if not rows.any():
            cure = "use more subjects, a larger share for this split, or a single value in the probe's grid"
            raise UserError(DATASET, f"{name} scans with the probe's target", "none", cure)
    models, losses = [], np.zeros((len(sizes), len(grid)))
    for row, size in enumerate(sizes):
        ready = _preparation(embeddings, size).fit(features[train])
        inside = ready.transform(features[train])
        fitted = [build(value).fit(inside, target[train]) for value in grid]
        if choose:
            outside = ready.transform(features[validation])
            losses[row] = [loss(model, outside, target[validation]) for model in fitted]
        models.append([Pipeline([*ready.steps, ("probe", model)]) for model in fitted])
    row, best = (int(place) for place in np.unravel_index(np.argmin(losses), losses.shape))
    subjects = {
        name: sorted(set(table["subject"][rows])) for name, rows in (("train", train), ("validation", validation))
    }
    return FittedProbe(models[row][best], grid[best], subjects, sizes[row], is_at_edge(losses[row]))


def list_sizes(embeddings: Embeddings) -> list[int]:
    """How many features a probe may take: all, or of nested ones 1, 2, 4, … as far as there are."""
    dim = embeddings.features.shape[1]
    return [2**power for power in range(dim.bit_length())] if embeddings.nested else [dim]


def is_at_edge(losses: np.ndarray) -> bool:
    """Whether a longer grid might hold a better value: the lowest loss is the first or last, and not flat there.

    Examples
    --------
    >>> is_at_edge(np.array([3.0, 2.0, 1.0])), is_at_edge(np.array([3.0, 1.0, 2.0]))
    (True, False)
    >>> is_at_edge(np.array([3.0, 1.001, 1.0])), is_at_edge(np.array([1.0]))
    (False, False)
    """
    best = int(np.argmin(losses))
    if len(losses) == 1 or 0 < best < len(losses) - 1:
        return False
    return not np.isclose(losses[1 if best == 0 else -2], losses[best], rtol=0, atol=FLAT)


def _preparation(embeddings: Embeddings, size: int) -> Pipeline:
    """What the features go through before the linear model."""
    if embeddings.nested:
        return make_pipeline(FunctionTransformer(_first, kw_args={"size": size}), OneScale())
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())


def _first(features: np.ndarray, size: int) -> np.ndarray:
    return features[:, :size]


def fit_classifier(
    embeddings: Embeddings, positive: str, c_grid: Sequence[float], label: str = "diagnosis"
) -> FittedProbe:
    """Logistic regression of `positive`, a value of the column `label`, against the others.

    C has the lowest log-loss, and the threshold the highest balanced accuracy, on validation scans.

    Raises
    ------
    UserError
        The training scans hold one class only, or see `fit_probe`.
    """
    target = (embeddings.table[label] == positive).to_numpy()
    fitted = target[(embeddings.table["split"] == "train").to_numpy()]
    if fitted.all() or not fitted.any():
        found = f"{fitted.sum()} {positive} and {(~fitted).sum()} other scans"
        raise UserError(DATASET, "training scans of both diagnoses", found, "use more subjects of both")

    def loss(model: Any, features: np.ndarray, true: np.ndarray) -> float:
        return log_loss(true, model.predict_proba(features)[:, 1], labels=[False, True])

    probe = fit_probe(embeddings, target, build_logistic, c_grid, loss)
    validation = (embeddings.table["split"] == "validation").to_numpy()
    probability = probe.model.predict_proba(embeddings.features[validation])[:, 1] if validation.any() else np.empty(0)
    return replace(probe, threshold=choose_threshold(probability, target[validation]))


def build_logistic(c: float) -> LogisticRegression:
    """Logistic regression of inverse strength `c`.

    By Newton's method: where the classes are apart and `c` is large, L-BFGS stops anywhere on the way, so that the loss
    jumps from one value of a grid to the next.
    """
    return LogisticRegression(C=c, solver="newton-cholesky", tol=1e-6 / max(1.0, c), max_iter=1000)


def choose_threshold(probability: np.ndarray, positive: np.ndarray) -> float:
    """Threshold of the highest balanced accuracy, the nearest to 0.5 of equal ones.

    Candidates are 0.5 and the middles between neighbouring probabilities; without both classes it is 0.5.

    Examples
    --------
    >>> choose_threshold(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True]))
    0.25
    """
    if positive.all() or not positive.any():
        return 0.5
    ordered = np.unique(probability)
    candidates = np.append((ordered[1:] + ordered[:-1]) / 2, 0.5)
    scores = [balanced_accuracy_score(positive, probability >= candidate) for candidate in candidates]
    best = candidates[np.isclose(scores, max(scores))]
    return float(best[np.argmin(np.abs(best - 0.5))])


def fit_ridge(embeddings: Embeddings, target: np.ndarray, alpha_grid: Sequence[float]) -> FittedProbe:
    """Ridge regression of `target`; alpha has the lowest mean absolute error on validation scans."""

    def loss(model: Any, features: np.ndarray, true: np.ndarray) -> float:
        return mean_absolute_error(true, model.predict(features))

    return fit_probe(embeddings, target, lambda alpha: Ridge(alpha=alpha), alpha_grid, loss)
