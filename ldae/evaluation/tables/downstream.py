"""downstream.csv: every encoder on every task, scored on test subjects, with what a careful reader asks for.

AD (or the worse diagnosis) is the positive class.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import GroupShuffleSplit

from ldae.config import names
from ldae.config.evaluation import BootstrapConfig, ProbesConfig
from ldae.data.labels import FIELD_STRENGTH, PROGRESSION, field_strength, join_labels, progression, read_dataset
from ldae.data.leaks import refuse_torn_subjects
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import Embeddings, read_embeddings
from ldae.evaluation.statistics.bootstrap import Statistic, difference, draw_weights, estimate
from ldae.evaluation.statistics.scores import classification_scores, regression_scores
from ldae.evaluation.tables.published_probes import PAPER, PAPER_NOTES
from ldae.evaluation.tables.result import write_result
from ldae.evaluation.tables.tasks import TASKS, Task, fit_task, of_task
from ldae.files import write_json
from ldae.systems.probe import Probe
from ldae.systems.probes import read_own_probes

SCORE_COLUMNS = (
    *("encoder", "task", "scans", "metric", "value", "low", "high"),
    *("spread", "difference", "difference_low", "difference_high"),
    *("n_subjects", "n_scans", "n_features", "at_edge_of_grid", "paper", "note"),
)


@dataclass(frozen=True)
class Prediction:
    """What a probe says of the test scans of a task, its threshold, and the subjects it saw by split.

    `n_features`: how many it takes; `at_edge`: its regularisation is an end of the grid; None where none was chosen.
    """

    values: np.ndarray
    threshold: float
    subjects: dict[str, list[str]]
    n_features: int
    at_edge: bool | None


def write_downstream(
    dataset: str | Path,
    embeddings: Mapping[str, str | Path],
    probes: ProbesConfig,
    bootstrap: BootstrapConfig,
    seed: int,
    *,
    progression_months: int,
    table: str | Path,
    subjects: str | Path,
    trained: Sequence[str | Path] = (),
    cohort: str,
) -> None:
    """Fit and score the probes of every encoder, and write what they give.

    Parameters
    ----------
    dataset, embeddings : path, mapping of paths
        The table of labels, and the file of each encoder by its name in the table.
    probes, bootstrap, seed : ProbesConfig, BootstrapConfig, int
        Grids, redraws and the bootstrap.
    progression_months : int
        The window of `ldae.data.labels.progression`.
    table, subjects, cohort : path, path, str
        The CSV, a JSON of whom each probe saw, what the CSV's column `cohort` says.
    trained : sequence of path
        probes.json of a model trained on another cohort, whose probes are scored as they are.
    """
    labels = read_dataset(dataset)
    made = {PROGRESSION: progression(labels, progression_months), FIELD_STRENGTH: field_strength(labels)}
    labels = labels.assign(**made)
    encoders = {name: label_embeddings(read_embeddings(path), labels) for name, path in embeddings.items()}
    as_trained = [probe for path in trained for probe in read_own_probes(path).values()]
    scores, seen = evaluate_encoders(encoders, probes, bootstrap, seed, as_trained)
    write_result(table, scores, cohort)
    write_json(subjects, seen)


def label_embeddings(embeddings: Embeddings, dataset: pd.DataFrame) -> Embeddings:
    """The same features, the labels of `dataset` beside each scan."""
    return replace(embeddings, table=join_labels(embeddings.table, dataset))


def evaluate_encoders(
    encoders: dict[str, Embeddings],
    probes: ProbesConfig,
    bootstrap: BootstrapConfig,
    seed: int,
    as_trained: Iterable[Probe] = (),
) -> tuple[pd.DataFrame, dict]:
    """Fit and score a probe of every encoder on every task.

    Parameters
    ----------
    encoders : dict
        Name to labelled embeddings of the same scans in the same order; one of them is LDAE, the others are compared
        with it.
    probes, bootstrap, seed : ProbesConfig, BootstrapConfig, int
        Grids, redraws and the bootstrap.
    as_trained : iterable of ldae.systems.probe.Probe
        Probes of y_sem, fitted to another cohort: rows of their own, `names.AS_TRAINED`, for the tasks they are of.

    Returns
    -------
    DataFrame
        `SCORE_COLUMNS`; a row per encoder, task, choice of scans and metric. ``spread``: standard deviation of the
        value over redrawn training and validation sets (the test subjects stay those whom no stage has seen).
        ``difference``: value minus LDAE's, its interval by paired bootstrap. ``n_features``: how many the probe takes.
        ``at_edge_of_grid``: a longer grid of regularisations might hold a better one. Tasks for which a class is
        missing are rows with a ``note``.
    dict
        Task and encoder to the subjects whom the probe was fitted to (train) and chosen by (validation).

    Raises
    ------
    UserError
        The encoders hold different scans, or a subject stands in two splits.
    """
    tables = [embeddings.table[["subject", "session", "split"]] for embeddings in encoders.values()]
    if not all(table.equals(tables[0]) for table in tables):
        cure = "run again with --forcerun embeddings baselines untrained demographics"
        raise UserError("results/embeddings", "the same scans from every encoder", "different ones", cure)
    refuse_torn_subjects(tables[0], "results/embeddings")
    rows, seen = [], {}
    for task in TASKS:
        chosen = {name: of_task(embeddings, task) for name, embeddings in encoders.items()}
        try:
            task.refuse_empty_sides(chosen[names.LDAE].table)
            predictions = {name: _predict(task, embeddings, probes, seed) for name, embeddings in chosen.items()}
        except UserError as error:
            rows.append({"task": task.name, "note": f"not possible: expected {error.expected}, found {error.found}"})
            continue
        seen[task.name] = {name: drawn[0].subjects for name, drawn in predictions.items()}
        for probe in as_trained:
            if probe.task == task.name:
                chosen[names.AS_TRAINED] = chosen[names.LDAE]
                predictions[names.AS_TRAINED] = [_predict_as_trained(probe, _test(chosen[names.LDAE]))]
        rows += _score_task(task, chosen, predictions, bootstrap, seed)
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS)), seen


def _score_task(
    task: Task,
    chosen: dict[str, Embeddings],
    predictions: dict[str, list[Prediction]],
    bootstrap: BootstrapConfig,
    seed: int,
) -> Iterator[dict]:
    test = _test(chosen[names.LDAE]).table
    for label, rows in select_scans(test).items():
        weights = draw_weights(test["subject"][rows], bootstrap.draws, np.random.default_rng(seed))
        reference = _scores(task, test, predictions[names.LDAE][0], rows)
        counts = {"n_subjects": test["subject"][rows].nunique(), "n_scans": int(rows.sum())}
        for name, drawn in predictions.items():
            redrawn = [_scores(task, test, prediction, rows) for prediction in drawn[1:]]
            for metric, statistic in _scores(task, test, drawn[0], rows).items():
                published = PAPER.get((name, task.name, metric), np.nan)
                result = estimate(statistic, weights, bootstrap.confidence)
                gap = estimate(difference(statistic, reference[metric]), weights, bootstrap.confidence)
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
                    "n_features": drawn[0].n_features,
                    "at_edge_of_grid": drawn[0].at_edge,
                    "paper": published,
                    "note": "" if np.isnan(published) else PAPER_NOTES.get(name, ""),
                }


def select_scans(test: pd.DataFrame) -> dict[str, np.ndarray]:
    """Which test scans are scored: all, one per subject drawn by a fixed seed, and those of the baseline visit."""
    shuffled = test.sample(frac=1, random_state=0).drop_duplicates("subject").index
    return {
        "all": np.ones(len(test), dtype=bool),
        "one per subject": test.index.isin(shuffled),
        "baseline": (test["months"] == 0).to_numpy(),
    }


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


def _predict(task: Task, embeddings: Embeddings, probes: ProbesConfig, seed: int) -> list[Prediction]:
    """Predictions for the test scans: by the cohort's own split, then by each redrawn one."""
    tables = [embeddings.table, *redraw_validation(embeddings.table, probes.redraws, seed)]
    predictions = []
    for table in tables:
        redrawn = replace(embeddings, table=table)
        try:
            probe = fit_task(task, redrawn, probes)
        except UserError:
            if table is embeddings.table:
                raise
            continue  # a redrawn training set of one class
        said = probe.predict(_test(redrawn))
        predictions.append(Prediction(said, probe.threshold, probe.subjects, probe.n_features, probe.at_edge))
    return predictions


def _predict_as_trained(probe: Probe, test: Embeddings) -> Prediction:
    """What a stored probe says of these scans, with its own threshold; it saw none of the cohort's subjects."""
    say = probe.probability if probe.positive else probe.score
    threshold = np.nan if probe.threshold is None else probe.threshold
    return Prediction(say(torch.from_numpy(test.features)).numpy(), threshold, {}, test.features.shape[1], None)


def _test(embeddings: Embeddings) -> Embeddings:
    return embeddings.select((embeddings.table["split"] == "test").to_numpy())


def _scores(task: Task, test: pd.DataFrame, prediction: Prediction, rows: np.ndarray) -> dict[str, Statistic]:
    values = prediction.values[rows]
    if task.classify:
        positive = (test[task.label] == task.classes[0]).to_numpy()
        return classification_scores(values, positive[rows], prediction.threshold)
    return regression_scores(values, test["age"].to_numpy()[rows])


def _spread(statistics: list[Statistic], scans: int) -> float:
    once = np.ones((1, scans))
    with np.errstate(invalid="ignore", divide="ignore"):
        values = [float(statistic(once)[0]) for statistic in statistics] if scans else []
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
