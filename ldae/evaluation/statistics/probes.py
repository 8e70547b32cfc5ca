"""Linear probes on standardised features: one diagnosis against another, and a number such as age.

Imputer, scaler and probe see training subjects only; the regularisation and the threshold are chosen on validation
subjects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, log_loss, mean_absolute_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ldae.data.labels import DATASET
from ldae.data.leaks import refuse_torn_subjects
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings


@dataclass(frozen=True)
class FittedProbe:
    """A fitted imputer, scaler and linear model, its regularisation, and what they were chosen by.

    `subjects`: those fitted to (train) and chosen by (validation); `threshold`: of a classifier, else NaN.
    """

    model: Pipeline
    regularisation: float
    subjects: dict[str, list[str]]
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
    build: Callable[[float], object],
    grid: Sequence[float],
    loss: Callable[[Pipeline, np.ndarray, np.ndarray], float],
) -> FittedProbe:
    """Fit on training scans for each value of `grid`; keep the best on validation scans.

    Parameters
    ----------
    embeddings : Embeddings
        Scans of all splits; the test scans serve only to check that none of their subjects is fitted.
    target : array (scans,)
        What to predict.
    build : function
        Gives an unfitted scikit-learn model for a regularisation value.
    grid : sequence of float
        Regularisation values; a single one needs no validation scan.
    loss : function
        Loss of (model, features, target) on the validation scans.

    Raises
    ------
    UserError
        A subject stands in two splits, or the training or the validation split is empty.
    """
    table, target = embeddings.table, np.asarray(target)
    train, validation = ((table["split"] == split).to_numpy() for split in ("train", "validation"))
    refuse_torn_subjects(table)
    needed = {"training": train, "validation": validation} if len(grid) > 1 else {"training": train}
    for name, rows in needed.items():
        if not rows.any():
            cure = "use more subjects, a larger share for this split, or a single value in the probe's grid"
            raise UserError(DATASET, f"{name} scans with the probe's target", "none", cure)
    models = [
        make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), build(value)).fit(
            embeddings.features[train], target[train]
        )
        for value in grid
    ]
    subjects = {
        name: sorted(set(table["subject"][rows])) for name, rows in (("train", train), ("validation", validation))
    }
    if len(grid) == 1:
        return FittedProbe(models[0], grid[0], subjects)
    losses = [loss(model, embeddings.features[validation], target[validation]) for model in models]
    best = int(np.argmin(losses))
    return FittedProbe(models[best], grid[best], subjects)


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

    def loss(model: Pipeline, features: np.ndarray, true: np.ndarray) -> float:
        return log_loss(true, model.predict_proba(features)[:, 1], labels=[False, True])

    probe = fit_probe(embeddings, target, lambda c: LogisticRegression(C=c, max_iter=10_000), c_grid, loss)
    validation = (embeddings.table["split"] == "validation").to_numpy()
    probability = probe.model.predict_proba(embeddings.features[validation])[:, 1] if validation.any() else np.empty(0)
    return replace(probe, threshold=choose_threshold(probability, target[validation]))


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

    def loss(model: Pipeline, features: np.ndarray, true: np.ndarray) -> float:
        return mean_absolute_error(true, model.predict(features))

    return fit_probe(embeddings, target, lambda alpha: Ridge(alpha=alpha), alpha_grid, loss)
