"""Linear probes on standardised y_sem: AD against CN (AD is the positive class), and age in years.

Scaler and probe see training subjects only, the regularisation is chosen on validation subjects, and the test subjects
are scored once. `PAPER` holds the published figures of LDAE on ADNI. There the positive class is CN (accuracy .8365,
precision .8469, recall .9102, F1 .8774, AUC .8948); precision, recall, F1 and balanced accuracy below are these figures
solved for AD as the positive class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, mean_absolute_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ldae.cohort.split import assert_no_leak
from ldae.errors import UserError
from ldae.evaluation.bootstrap import Statistic, draw_weights, estimate
from ldae.evaluation.embeddings import Embeddings
from ldae.evaluation.scores import classification_scores, regression_scores

AD_VS_CN, AGE = "AD vs CN", "age"
PAPER = {
    (AD_VS_CN, "accuracy"): 0.8365,
    (AD_VS_CN, "balanced_accuracy"): 0.807,
    (AD_VS_CN, "precision"): 0.813,
    (AD_VS_CN, "recall"): 0.704,
    (AD_VS_CN, "f1"): 0.755,
    (AD_VS_CN, "roc_auc"): 0.8948,
    (AGE, "mae"): 4.16,
    (AGE, "rmse"): 5.23,
}


@dataclass(frozen=True)
class Probe:
    """A fitted scaler and linear model, and the regularisation chosen for it."""

    model: Pipeline
    regularisation: float


def fit_probe(
    embeddings: Embeddings,
    target: np.ndarray,
    build: Callable[[float], object],
    grid: list[float],
    loss: Callable[[Pipeline, np.ndarray, np.ndarray], float],
) -> Probe:
    """Fit scaler and model on training scans for each value of `grid`; keep the best on validation scans.

    Parameters
    ----------
    embeddings : Embeddings
        Scans of all splits; the test scans serve only to check that none of their subjects is fitted.
    target : array (scans,)
        What to predict.
    build : function
        Gives an unfitted scikit-learn model for a regularisation value.
    grid : list of float
        Regularisation values; a single one needs no validation scan.
    loss : function
        Loss of (model, features, target) on the validation scans.

    Raises
    ------
    ValueError
        A subject stands in two splits.
    UserError
        The training or the validation split is empty.
    """
    table, target = embeddings.table, np.asarray(target)
    train, validation = ((table["split"] == split).to_numpy() for split in ("train", "validation"))
    assert_no_leak(table)
    needed = {"training": train, "validation": validation} if len(grid) > 1 else {"training": train}
    for name, rows in needed.items():
        if not rows.any():
            cure = "use more subjects, a larger share for this split, or a single value in the probe's grid"
            raise UserError("results/dataset.csv", f"{name} scans with the probe's target", "none", cure)
    models = [make_pipeline(StandardScaler(), build(value)) for value in grid]
    for model in models:
        model.fit(embeddings.y_sem[train], target[train])
    if len(grid) == 1:
        return Probe(models[0], grid[0])
    losses = [loss(model, embeddings.y_sem[validation], target[validation]) for model in models]
    best = int(np.argmin(losses))
    return Probe(models[best], grid[best])


def fit_ad_cn(embeddings: Embeddings, c_grid: list[float]) -> Probe:
    """Logistic regression of AD (1) against CN (0); C has the lowest log-loss on validation scans.

    Raises
    ------
    UserError
        The training scans hold one class only, or see `fit_probe`.
    """
    target = (embeddings.table["diagnosis"] == "AD").to_numpy()
    fitted = target[(embeddings.table["split"] == "train").to_numpy()]
    if fitted.all() or not fitted.any():
        found = f"{fitted.sum()} AD and {(~fitted).sum()} CN scans"
        raise UserError("results/dataset.csv", "training scans of AD and of CN", found, "use more subjects of both")

    def loss(model: Pipeline, features: np.ndarray, true: np.ndarray) -> float:
        return log_loss(true, model.predict_proba(features)[:, 1], labels=[False, True])

    return fit_probe(embeddings, target, lambda c: LogisticRegression(C=c, max_iter=10_000), c_grid, loss)


def fit_ridge(embeddings: Embeddings, target: np.ndarray, alpha_grid: list[float]) -> Probe:
    """Ridge regression of `target`; alpha has the lowest mean absolute error on validation scans."""

    def loss(model: Pipeline, features: np.ndarray, true: np.ndarray) -> float:
        return mean_absolute_error(true, model.predict(features))

    return fit_probe(embeddings, target, lambda alpha: Ridge(alpha=alpha), alpha_grid, loss)


def evaluate_ad_cn(
    embeddings: Embeddings, c_grid: list[float], draws: int, confidence: float, seed: int
) -> tuple[list[dict], Probe]:
    """Rows of downstream.csv for AD against CN on the test scans, and the probe."""
    embeddings = embeddings.select(embeddings.table["diagnosis"].isin(["AD", "CN"]).to_numpy())
    probe = fit_ad_cn(embeddings, c_grid)
    test = embeddings.select((embeddings.table["split"] == "test").to_numpy())
    probability = probe.model.predict_proba(test.y_sem)[:, 1] if len(test.table) else np.empty(0)
    scores = classification_scores(probability, (test.table["diagnosis"] == "AD").to_numpy())
    return _rows("LDAE", AD_VS_CN, scores, test.table, draws, confidence, seed), probe


def evaluate_age(
    embeddings: Embeddings, alpha_grid: list[float], draws: int, confidence: float, seed: int
) -> list[dict]:
    """Rows of downstream.csv for age (years) on the test scans: LDAE, and the training scans' mean age as baseline."""
    embeddings = embeddings.select(embeddings.table["age"].notna().to_numpy())
    age, split = embeddings.table["age"].to_numpy(), embeddings.table["split"]
    probe = fit_ridge(embeddings, age, alpha_grid)
    test = embeddings.select((split == "test").to_numpy())
    predicted = probe.model.predict(test.y_sem) if len(test.table) else np.empty(0)
    mean = np.full(len(predicted), age[(split == "train").to_numpy()].mean())
    true = test.table["age"].to_numpy()
    return [
        row
        for encoder, values in (("LDAE", predicted), ("mean", mean))
        for row in _rows(encoder, AGE, regression_scores(values, true), test.table, draws, confidence, seed)
    ]


def _rows(
    encoder: str,
    task: str,
    scores: dict[str, Statistic],
    test: pd.DataFrame,
    draws: int,
    confidence: float,
    seed: int,
) -> list[dict]:
    weights = draw_weights(test["subject"], draws, np.random.default_rng(seed))
    rows = []
    for metric, statistic in scores.items():
        result = estimate(statistic, weights, confidence)
        counts = {"n_subjects": test["subject"].nunique(), "n_scans": len(test)}
        paper = PAPER.get((task, metric), np.nan) if encoder == "LDAE" else np.nan
        rows.append({"encoder": encoder, "task": task, "metric": metric, **vars(result), **counts, "paper": paper})
    return rows


def probe_summary(probe: Probe, embeddings: Embeddings) -> dict:
    """Weights and scaler of the AD-vs-CN probe as plain lists, for manipulating y_sem.

    ``norm(y) = (y - scaler_mean) / scaler_scale``; the log-odds of AD are ``weights . norm(y) + intercept``.
    """
    scaler, model = (step for _, step in probe.model.steps)
    fitted = (embeddings.table["split"] == "train") & embeddings.table["diagnosis"].isin(["AD", "CN"])
    return {
        "task": AD_VS_CN,
        "positive": "AD",
        "scaler_mean": scaler.mean_.tolist(),
        "scaler_scale": scaler.scale_.tolist(),
        "weights": model.coef_[0].tolist(),
        "intercept": float(model.intercept_[0]),
        "c": probe.regularisation,
        "training_subjects": int(embeddings.table["subject"][fitted].nunique()),
    }
