"""downstream.csv: every encoder on every task, scored on test subjects, with what a careful reader asks for.

AD (or the worse diagnosis) is the positive class. `PAPER` holds the published figures of LDAE on ADNI. There the
positive class is CN (accuracy .8365, precision .8469, recall .9102, F1 .8774, AUC .8948); precision, recall, F1 and
balanced accuracy below are these figures solved for AD as the positive class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from ldae.errors import UserError
from ldae.evaluation.bootstrap import Statistic, difference, draw_weights, estimate
from ldae.evaluation.embeddings import Embeddings
from ldae.evaluation.probes import Probe, fit_classifier, fit_ridge
from ldae.evaluation.scores import classification_scores, regression_scores

LDAE = "LDAE"
AD_VS_CN, AGE = "AD vs CN", "age"
PAPER = {
    (AD_VS_CN, "accuracy"): 0.8365,
    (AD_VS_CN, "balanced_accuracy"): 0.807,
    (AD_VS_CN, "precision"): 0.813,
    (AD_VS_CN, "recall"): 0.704,
    (AD_VS_CN, "sensitivity"): 0.704,
    (AD_VS_CN, "f1"): 0.755,
    (AD_VS_CN, "roc_auc"): 0.8948,
    (AGE, "mae"): 4.16,
    (AGE, "rmse"): 5.23,
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


def evaluate_encoders(encoders: dict[str, Embeddings], settings: Settings) -> pd.DataFrame:
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
    return pd.DataFrame([row for task in TASKS for row in _evaluate_task(task, encoders, settings)])


def _evaluate_task(task: Task, encoders: dict[str, Embeddings], settings: Settings) -> Iterator[dict]:
    chosen = {name: of_task(embeddings, task) for name, embeddings in encoders.items()}
    try:
        predictions = {name: _predict(task, embeddings, settings) for name, embeddings in chosen.items()}
    except UserError as error:
        yield {"task": task.name, "note": f"not possible: expected {error.expected}, found {error.found}"}
        return
    test = _test(chosen[LDAE]).table
    for label, rows in select_scans(test).items():
        weights = draw_weights(test["subject"][rows], settings.draws, np.random.default_rng(settings.seed))
        reference = _scores(task, test, predictions[LDAE][0], rows)
        counts = {"n_subjects": test["subject"][rows].nunique(), "n_scans": int(rows.sum())}
        for name, drawn in predictions.items():
            redrawn = [_scores(task, test, prediction, rows) for prediction in drawn[1:]]
            for metric, statistic in _scores(task, test, drawn[0], rows).items():
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
                    "paper": PAPER.get((task.name, metric), np.nan) if name == LDAE else np.nan,
                    "note": "",
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


def _predict(task: Task, embeddings: Embeddings, settings: Settings) -> list[tuple[np.ndarray, float]]:
    """Predictions for the test scans and their threshold: by the cohort's own split, then by each redrawn one."""
    tables = [embeddings.table, *redraw_validation(embeddings.table, settings.redraws, settings.seed)]
    predictions = []
    for table in tables:
        redrawn = Embeddings(embeddings.features, table, embeddings.names)
        try:
            probe = fit_task(task, redrawn, settings)
        except UserError:
            if table is embeddings.table:
                raise
            continue  # a redrawn training set of one class
        predictions.append((probe.predict(_test(redrawn)), probe.threshold))
    return predictions


def _test(embeddings: Embeddings) -> Embeddings:
    return embeddings.select((embeddings.table["split"] == "test").to_numpy())


def _scores(
    task: Task, test: pd.DataFrame, prediction: tuple[np.ndarray, float], rows: np.ndarray
) -> dict[str, Statistic]:
    values, threshold = prediction
    if task.classify:
        positive = (test["diagnosis"] == task.diagnoses[0]).to_numpy()
        return classification_scores(values[rows], positive[rows], threshold)
    return regression_scores(values[rows], test["age"].to_numpy()[rows])


def _spread(statistics: list[Statistic], scans: int) -> float:
    once = np.ones((1, scans))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = [float(statistic(once)[0]) for statistic in statistics] if scans else []
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
