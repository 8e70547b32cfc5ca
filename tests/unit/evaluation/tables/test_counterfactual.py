"""counterfactual.csv on measurements whose slopes are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ldae.config.evaluation import BootstrapConfig
from ldae.evaluation.measure.counterfactual import EDITED, SCAN
from ldae.evaluation.tables.counterfactual import (
    EFFECT_COLUMNS,
    IDENTITY,
    own_slopes,
    tabulate_counterfactuals,
    write_counterfactuals,
)

BOOTSTRAP, SEED = BootstrapConfig(draws=300, confidence=0.9), 4
STRENGTHS = (-2.0, 0.0, 3.0)
SUBJECTS = 12
SEVERITY_TO_SHARE, AGE_TO_SHARE, SEVERITY_TO_SCORE = 0.004, 0.0003, 2.0


def study() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measurements, labels and truth: shares follow severity and age, subject i's edit has a slope of its own."""
    rng = np.random.default_rng(3)
    severity, age = rng.uniform(0, 3, SUBJECTS), rng.uniform(60, 85, SUBJECTS)
    rows = []
    for i in range(SUBJECTS):
        natural = 0.01 + SEVERITY_TO_SHARE * severity[i] + AGE_TO_SHARE * age[i]
        for edit in ("AD vs CN", "age"):
            for along in ("pattern", "weights"):
                key = {"subject": f"S{i:02d}", "session": "M000", "edit": edit, "along": along}
                score = SEVERITY_TO_SCORE * severity[i] - 3 + 0.01 * age[i]
                told = {"ventricles_share": natural, "medial_temporal_share": 0.2 - natural, "semiovale_level": 0.7}
                rows.append(key | {"image": SCAN, "strength": 0.0, "score": score} | told)
                slope = (0.001 if along == "pattern" else 0.0002) * (1 + 0.1 * i)
                for strength in STRENGTHS:
                    share = natural - 0.002 + slope * strength
                    edited = told | {"ventricles_share": share, "medial_temporal_share": 0.2 - share}
                    said = {"image": EDITED, "strength": strength, "score": score + 0.8 * strength}
                    own = 0.001 + 0.0001 * abs(strength) if i < 4 else np.nan
                    rows.append(key | said | edited | {"own_mse": own, "other_mse": 0.004 + 0.001 * i})
    scans = pd.DataFrame(rows)
    subjects = [f"S{i:02d}" for i in range(SUBJECTS)]
    labels = pd.DataFrame({"subject": subjects, "session": "M000", "split": "test", "diagnosis": "CN"})
    labels = labels.assign(sex="F", age=age, months=0)
    return scans, labels, pd.DataFrame({"subject": subjects, "session": "M000", "severity": severity, "age": age})


@pytest.fixture
def table():
    return tabulate_counterfactuals(*study()[:2], BOOTSTRAP, SEED, study()[2])


def row(table, edit, along, measure):
    return table[(table["edit"] == edit) & (table["along"] == along) & (table["measure"] == measure)].iloc[0]


def test_the_slope_is_the_mean_of_the_subjects_own(table):
    found = row(table, "AD vs CN", "pattern", "ventricles_share")
    assert found.value == pytest.approx(0.001 * (1 + 0.1 * np.arange(SUBJECTS)).mean())
    assert found.low < found.value < found.high
    assert found.low > 0
    assert found.unit == "per log-odds"
    assert row(table, "AD vs CN", "weights", "ventricles_share").value == pytest.approx(found.value / 5)
    assert row(table, "AD vs CN", "pattern", "medial_temporal_share").value == pytest.approx(-found.value)
    assert row(table, "AD vs CN", "pattern", "score").value == pytest.approx(0.8)
    assert row(table, "age", "pattern", "ventricles_share").unit == "per year"


def test_the_means_at_the_ends_and_the_smallest_step(table):
    scans = study()[0]
    chosen = scans[(scans["edit"] == "age") & (scans["along"] == "weights") & (scans["image"] == EDITED)]
    means = chosen.groupby("strength")["ventricles_share"].mean()
    found = row(table, "age", "weights", "ventricles_share")
    np.testing.assert_allclose([found.at_lowest, found.at_zero, found.at_highest], means)
    assert found.smallest_step == pytest.approx(means.diff().min())
    falling = row(table, "age", "weights", "medial_temporal_share")
    assert falling.smallest_step < 0


def test_the_observed_slope_is_from_subject_to_subject_in_the_scans_themselves(table):
    scans, labels, _ = study()
    unedited = scans[(scans["image"] == SCAN) & (scans["edit"] == "age") & (scans["along"] == "pattern")]
    by_score = np.polyfit(unedited["score"], unedited["ventricles_share"], 1)[0]
    by_age = np.polyfit(labels["age"], unedited["ventricles_share"], 1)[0]
    assert row(table, "AD vs CN", "pattern", "ventricles_share").observed == pytest.approx(by_score)
    assert row(table, "age", "pattern", "ventricles_share").observed == pytest.approx(by_age)


def test_unknown_ages_are_left_out_of_the_observed_slope():
    scans, labels, _ = study()
    labels.loc[::3, "age"] = np.nan
    found = row(tabulate_counterfactuals(scans, labels, BOOTSTRAP, SEED), "age", "pattern", "ventricles_share")
    known = labels["age"].notna().to_numpy()
    unedited = scans[(scans["image"] == SCAN) & (scans["edit"] == "age") & (scans["along"] == "pattern")]
    expected = np.polyfit(labels["age"][known], unedited["ventricles_share"][known], 1)[0]
    assert found.observed == pytest.approx(expected)


def test_the_truth_is_at_fixed_age_and_severity(table):
    assert row(table, "AD vs CN", "weights", "ventricles_share").truth == pytest.approx(
        SEVERITY_TO_SHARE / SEVERITY_TO_SCORE
    )
    assert row(table, "age", "pattern", "ventricles_share").truth == pytest.approx(AGE_TO_SHARE)
    assert row(table, "age", "pattern", "semiovale_level").truth == pytest.approx(0, abs=1e-9)
    assert np.isnan(row(table, "age", "pattern", "score").truth)


def test_without_a_phantom_there_is_no_truth():
    assert tabulate_counterfactuals(*study()[:2], BOOTSTRAP, SEED)["truth"].isna().all()


def test_identity_is_of_subjects_with_another_visit(table):
    found = row(table, "AD vs CN", "pattern", IDENTITY)
    others = (0.004 + 0.001 * np.arange(4)).mean()
    assert found.n_subjects == 4
    assert found.value == found.at_highest == pytest.approx(0.0013 / others)
    assert found.at_zero == pytest.approx(0.001 / others)
    assert found.at_lowest == pytest.approx(0.0012 / others)


def test_without_another_visit_the_row_says_so():
    scans, labels, truth = study()
    table = tabulate_counterfactuals(scans.assign(own_mse=np.nan), labels, BOOTSTRAP, SEED, truth)
    found = row(table, "AD vs CN", "pattern", IDENTITY)
    assert np.isnan(found.value)
    assert "two visits" in found.note


def test_own_slopes_are_least_squares():
    wide = pd.DataFrame([[1.0, 2.0, 9.0], [0.0, 0.0, 0.0]], columns=[-2.0, 0.0, 3.0])
    np.testing.assert_allclose(own_slopes(wide), [np.polyfit([-2, 0, 3], [1, 2, 9], 1)[0], 0])


def test_the_rule_reads_files(tmp_path):
    scans, labels, truth = study()
    scans.to_csv(tmp_path / "scans.csv", index=False)
    labels.assign(path="x").to_csv(tmp_path / "dataset.csv", index=False)
    truth.to_csv(tmp_path / "truth.csv", index=False)
    files = tmp_path / "scans.csv", tmp_path / "dataset.csv"
    write_counterfactuals(*files, BOOTSTRAP, SEED, tmp_path / "table.csv", tmp_path / "truth.csv", cohort="phantom")
    found = pd.read_csv(tmp_path / "table.csv")
    assert tuple(found.columns) == (*EFFECT_COLUMNS, "cohort") and set(found["cohort"]) == {"phantom"}
    wanted = tabulate_counterfactuals(scans, labels, BOOTSTRAP, SEED, truth)
    np.testing.assert_allclose(found["value"], wanted["value"])
    np.testing.assert_allclose(found["truth"], wanted["truth"])
