"""calibration.csv on probabilities whose errors are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ldae.config.evaluation import BootstrapConfig
from ldae.evaluation.statistics.scores import expected_calibration_error
from ldae.evaluation.tables.calibration import (
    AFTER,
    BEFORE,
    CALIBRATION_COLUMNS,
    tabulate_calibration,
)
from ldae.evaluation.tables.predictions import read_predictions

BOOTSTRAP, SEED = BootstrapConfig(draws=300, confidence=0.9), 4


def predictions() -> pd.DataFrame:
    """Test scans of AD at .9 / .6, of CN at .2 / .4; whatever else there is says the opposite."""
    rows = [(f"T{i}", "test", "AD", 0.9, 0.6) for i in range(6)] + [
        (f"T{6 + i}", "test", "CN", 0.2, 0.4) for i in range(4)
    ]
    rows += [("X1", "train", "AD", 0.0, 0.0), ("X2", "validation", "CN", 1.0, 1.0), ("X3", "test", "MCI", 1.0, 1.0)]
    table = pd.DataFrame(rows, columns=["subject", "split", "diagnosis", "p_AD", "p_AD_calibrated"])
    return table.assign(session="M000", age=70.0, predicted_age=70.0, age_gap=0.0, probes="AD vs CN")


def value(table, probability, metric):
    return table[(table["probability"] == probability) & (table["metric"] == metric)].iloc[0]


def test_the_scores_are_of_test_scans_of_the_two_diagnoses():
    table = tabulate_calibration(predictions(), BOOTSTRAP, SEED)
    assert tuple(table.columns) == CALIBRATION_COLUMNS
    before = value(table, BEFORE, "brier")
    assert before.value == pytest.approx((6 * 0.01 + 4 * 0.04) / 10)
    assert before.n_subjects == 10
    assert value(table, AFTER, "brier").value == pytest.approx((6 * 0.16 + 4 * 0.16) / 10)
    assert value(table, BEFORE, "expected calibration error").value == pytest.approx(0.6 * 0.1 + 0.4 * 0.2)
    assert before.low < before.value < before.high


def test_the_interval_is_over_subjects():
    table = predictions()
    doubled = pd.concat([table, table.assign(session="M012")])
    one, two = (value(tabulate_calibration(t, BOOTSTRAP, SEED), BEFORE, "brier") for t in (table, doubled))
    assert (one.low, one.high) == pytest.approx((two.low, two.high))
    assert two.n_scans == 2 * one.n_scans


def test_what_is_missing_is_said():
    table = tabulate_calibration(predictions().assign(p_AD_calibrated=np.nan), BOOTSTRAP, SEED)
    assert "validation subjects" in table.loc[table["probability"] == AFTER, "note"].item()
    assert value(table, BEFORE, "brier").note == ""
    nobody = predictions()[lambda t: t["split"] != "test"]
    assert "no test scan" in tabulate_calibration(nobody, BOOTSTRAP, SEED)["note"].iloc[0]


def test_unknown_diagnoses_are_read_as_such(tmp_path):
    predictions().assign(diagnosis="").to_csv(tmp_path / "predictions.csv", index=False)
    assert (read_predictions(tmp_path / "predictions.csv")["diagnosis"] == "").all()


def test_the_error_weighs_each_range_by_its_scans():
    probability, positive = np.array([0.05, 0.05, 0.05, 0.95, 1.0]), np.array([0, 0, 1, 1, 0], dtype=bool)
    statistic = expected_calibration_error(probability, positive)
    expected = 3 / 5 * abs(0.05 - 1 / 3) + 2 / 5 * abs(0.975 - 0.5)
    assert statistic(np.ones((1, 5)))[0] == pytest.approx(expected)
    assert statistic(np.array([[0.0, 0, 0, 1, 0]]))[0] == pytest.approx(0.05)


def test_opposite_errors_in_one_range_cancel_and_in_two_do_not():
    positive = np.array([True, False])
    once = np.ones((1, 2))
    assert expected_calibration_error(np.array([0.45, 0.45]), positive)(once)[0] == pytest.approx(0.05)
    assert expected_calibration_error(np.array([0.45, 0.15]), positive)(once)[0] == pytest.approx((0.55 + 0.15) / 2)
