"""calibration.csv: how far the probabilities of AD can be taken at their word, before and after calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ldae.config.evaluation import BootstrapConfig
from ldae.evaluation.statistics.bootstrap import draw_weights, estimate
from ldae.evaluation.statistics.scores import classification_scores, expected_calibration_error
from ldae.evaluation.tables.published_probes import AD_VS_CN
from ldae.evaluation.tables.tasks import TASKS

BEFORE, AFTER = "before", "after Platt's calibration"
PROBABILITIES = {BEFORE: "p_AD", AFTER: "p_AD_calibrated"}
CALIBRATION_COLUMNS = ("task", "probability", "metric", "value", "low", "high", "n_subjects", "n_scans", "note")


def tabulate_calibration(predictions: pd.DataFrame, bootstrap: BootstrapConfig, seed: int) -> pd.DataFrame:
    """Brier score and expected calibration error on the test scans of both diagnoses.

    Parameters
    ----------
    predictions : DataFrame
        What `ldae.evaluation.tables.predictions.read_predictions` returned.
    bootstrap, seed : BootstrapConfig, int
        Bootstrap over subjects.

    Returns
    -------
    DataFrame
        `CALIBRATION_COLUMNS`; a probability that there is none of is a row with a ``note``.
    """
    task = next(task for task in TASKS if task.name == AD_VS_CN)
    test = predictions[(predictions["split"] == "test") & predictions["diagnosis"].isin(task.classes)]
    positive = (test["diagnosis"] == task.classes[0]).to_numpy()
    weights = draw_weights(test["subject"].to_numpy(), bootstrap.draws, np.random.default_rng(seed))
    counts = {"n_subjects": test["subject"].nunique(), "n_scans": len(test)}
    rows = []
    for name, column in PROBABILITIES.items():
        probability = test[column].to_numpy(float)
        row = {"task": task.name, "probability": name}
        if not len(test) or np.isnan(probability).any():
            missing = "no test scan of either diagnosis" if not len(test) else "too few training or validation subjects"
            rows.append(row | counts | {"note": missing})
            continue
        scores = {
            "brier": classification_scores(probability, positive)["brier"],
            "expected calibration error": expected_calibration_error(probability, positive),
        }
        for metric, statistic in scores.items():
            result = estimate(statistic, weights, bootstrap.confidence)
            rows.append(row | {"metric": metric} | vars(result) | counts | {"note": ""})
    return pd.DataFrame(rows, columns=list(CALIBRATION_COLUMNS))
