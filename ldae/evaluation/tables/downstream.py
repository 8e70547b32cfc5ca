"""downstream.csv: every encoder on every task, scored on test subjects, with what a careful reader asks for.

AD (or the worse diagnosis) is the positive class. `PAPER` holds the published figures on ADNI. There the positive class
is CN; precision, recall, F1 and balanced accuracy are these figures solved for AD as the positive class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.statistics.bootstrap import Statistic, difference, draw_weights, estimate
from ldae.evaluation.statistics.probes import Probe, fit_classifier, fit_ridge
from ldae.evaluation.statistics.scores import classification_scores, regression_scores

LDAE, DAE = "LDAE", "DAE"
SUPERVISED_AD_CN, SUPERVISED_AGE = "supervised encoder (AD vs CN)", "supervised encoder (age)"
AD_VS_CN, AGE = "AD vs CN", "age"
AD_VS_CN_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "sensitivity", "f1", "roc_auc")
AGE_METRICS = ("mae", "rmse")
PAPER = {
    (encoder, task, metric): value
    for encoder, task, metrics, values in (
        (LDAE, AD_VS_CN, AD_VS_CN_METRICS, (0.8365, 0.807, 0.813, 0.704, 0.704, 0.755, 0.8948)),
        (DAE, AD_VS_CN, AD_VS_CN_METRICS, (0.7468, 0.705, 0.676, 0.560, 0.560, 0.613, 0.7800)),
        (SUPERVISED_AD_CN, AD_VS_CN, AD_VS_CN_METRICS, (0.8464, 0.840, 0.812, 0.805, 0.805, 0.809, 0.9067)),
        (LDAE, AGE, AGE_METRICS, (4.16, 5.23)),
        (DAE, AGE, AGE_METRICS, (4.93, 6.11)),
        (SUPERVISED_AGE, AGE, AGE_METRICS, (4.34, 4.63)),
    )
    for metric, value in zip(metrics, values, strict=True)
}
PAPER_NOTES = {
    SUPERVISED_AD_CN: "paper: on another test set",
    SUPERVISED_AGE: "paper: on another test set, its RMSE a mean over batches",
}


@dataclass(frozen=True)
class Task:
    """What is predicted: the first diagnosis against the second, or age in years within some diagnoses (none: all)."""

    name: str
    diagnoses: tuple[str, ...]
    classify: bool

    def rows(self, table: pd.DataFrame) -> np.ndarray:
        """Which scans the task is about."""
        chosen = table["diagnosis"].isin(self.diagnoses) if self.diagnoses else pd.Series(True, table.index)
        return (chosen if self.classify else chosen & table["age"].notna()).to_numpy()


TASKS = (
    Task(AD_VS_CN, ("AD", "CN"), True),
    Task("MCI vs CN", ("MCI", "CN"), True),
    Task("AD vs MCI", ("AD", "MCI"), True),
    Task(AGE, (), False),
    Task("age, CN only", ("CN",), False),
)


@dataclass(frozen=True)
class Settings:
    """Grids of the regularisation, the number of redrawn validation sets, and the bootstrap."""

    c_grid: Sequence[float]
    alpha_grid: Sequence[float]
    redraws: int
    draws: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class Prediction:
    """What a probe says of the test scans of a task, its threshold, and the subjects it saw by split."""

    values: np.ndarray
    threshold: float
    subjects: dict[str, list[str]]


def evaluate_encoders(encoders: dict[str, Embeddings], settings: Settings) -> tuple[pd.DataFrame, dict]:
    """Fit and score a probe of every encoder on every task.

    Parameters
    ----------
    encoders : dict
        Name to embeddings of the same scans in the same order; one of them is LDAE, the others are compared with it.
    settings : Settings
        Grids, redraws, bootstrap.

    Returns
    -------
    DataFrame
        A row an encoder, task, choice of scans and metric. ``spread``: standard deviation of the value over redrawn
        training and validation sets (the test subjects stay those whom no stage has seen). ``difference``: value minus
        LDAE's, its interval by paired bootstrap. Tasks for which a diagnosis is missing are rows with a ``note``.
    dict
        Task and encoder to the subjects whom the probe was fitted to (train) and chosen by (validation).

    Raises
    ------
    UserError
        The encoders hold different scans.
    ValueError
        A subject stands in two splits.
    """
    tables = [embeddings.table[["subject", "session", "split"]] for embeddings in encoders.values()]
    if not all(table.equals(tables[0]) for table in tables):
        cure = "run again with --forcerun embeddings baselines"
        raise UserError("results/embeddings", "the same scans from every encoder", "different ones", cure)
    rows, seen = [], {}
    for task in TASKS:
        chosen = {name: of_task(embeddings, task) for name, embeddings in encoders.items()}
        try:
            predictions = {name: _predict(task, embeddings, settings) for name, embeddings in chosen.items()}
        except UserError as error:
            rows.append({"task": task.name, "note": f"not possible: expected {error.expected}, found {error.found}"})
            continue
        rows += _score_task(task, chosen, predictions, settings)
        seen[task.name] = {name: drawn[0].subjects for name, drawn in predictions.items()}
    return pd.DataFrame(rows), seen


def _score_task(
    task: Task, chosen: dict[str, Embeddings], predictions: dict[str, list[Prediction]], settings: Settings
) -> Iterator[dict]:
    test = _test(chosen[LDAE]).table
    for label, rows in select_scans(test).items():
        weights = draw_weights(test["subject"][rows], settings.draws, np.random.default_rng(settings.seed))
        reference = _scores(task, test, predictions[LDAE][0], rows)
        counts = {"n_subjects": test["subject"][rows].nunique(), "n_scans": int(rows.sum())}
        for name, drawn in predictions.items():
            redrawn = [_scores(task, test, prediction, rows) for prediction in drawn[1:]]
            for metric, statistic in _scores(task, test, drawn[0], rows).items():
                published = PAPER.get((name, task.name, metric), np.nan)
                result = estimate(statistic, weights, settings.confidence)
                gap = estimate(difference(statistic, reference[metric]), weights, settings.confidence)
                yield {
                    "encoder": name,
                    "task": task.name,
                    "scans": label,
                    "metric": metric,
                    **vars(result),
                    "spread": _spread([scores[metric] for scores in redrawn], int(rows.sum())),
                    "difference": gap.value,
                    "difference_low": gap.low,
                    "difference_high": gap.high,
                    **counts,
                    "n_features": chosen[name].features.shape[1],
                    "paper": published,
                    "note": "" if np.isnan(published) else PAPER_NOTES.get(name, ""),
                }


def of_task(embeddings: Embeddings, task: Task) -> Embeddings:
    """The scans of a task; a feature that is the age itself is left out where age is to be predicted."""
    chosen = embeddings.select(task.rows(embeddings.table))
    return chosen if task.classify or "age" not in chosen.names else chosen.without("age")


def select_scans(test: pd.DataFrame) -> dict[str, np.ndarray]:
    """Which test scans are scored: all, one a subject drawn by a fixed seed, and those of the baseline visit."""
    shuffled = test.sample(frac=1, random_state=0).drop_duplicates("subject").index
    return {
        "all": np.ones(len(test), dtype=bool),
        "one a subject": test.index.isin(shuffled),
        "baseline": (test["months"] == 0).to_numpy(),
    }


def fit_task(task: Task, embeddings: Embeddings, settings: Settings) -> Probe:
    """The probe of a task on the scans of `of_task`."""
    if task.classify:
        return fit_classifier(embeddings, task.diagnoses[0], settings.c_grid)
    return fit_ridge(embeddings, embeddings.table["age"].to_numpy(), settings.alpha_grid)


def redraw_validation(table: pd.DataFrame, redraws: int, seed: int) -> Iterator[pd.DataFrame]:
    """The table with other subjects of the training and validation splits in validation, as many as before.

    The test subjects stay: the encoder was trained on the others.
    """
    fitted = table[table["split"] != "test"]
    share = table.loc[table["split"] == "validation", "subject"].nunique() / max(fitted["subject"].nunique(), 1)
    if not 0 < share < 1:
        return
    for _, validation in GroupShuffleSplit(redraws, test_size=share, random_state=seed).split(
        fitted, groups=fitted["subject"]
    ):
        split = table["split"].mask(table["split"] == "validation", "train")
        split.loc[fitted.index[validation]] = "validation"
        yield table.assign(split=split)


def _predict(task: Task, embeddings: Embeddings, settings: Settings) -> list[Prediction]:
    """Predictions for the test scans: by the cohort's own split, then by each redrawn one."""
    tables = [embeddings.table, *redraw_validation(embeddings.table, settings.redraws, settings.seed)]
    predictions = []
    for table in tables:
        redrawn = replace(embeddings, table=table)
        try:
            probe = fit_task(task, redrawn, settings)
        except UserError:
            if table is embeddings.table:
                raise
            continue  # a redrawn training set of one class
        predictions.append(Prediction(probe.predict(_test(redrawn)), probe.threshold, probe.subjects))
    return predictions


def _test(embeddings: Embeddings) -> Embeddings:
    return embeddings.select((embeddings.table["split"] == "test").to_numpy())


def _scores(task: Task, test: pd.DataFrame, prediction: Prediction, rows: np.ndarray) -> dict[str, Statistic]:
    values = prediction.values[rows]
    if task.classify:
        positive = (test["diagnosis"] == task.diagnoses[0]).to_numpy()
        return classification_scores(values, positive[rows], prediction.threshold)
    return regression_scores(values, test["age"].to_numpy()[rows])


def _spread(statistics: list[Statistic], scans: int) -> float:
    once = np.ones((1, scans))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = [float(statistic(once)[0]) for statistic in statistics] if scans else []
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
