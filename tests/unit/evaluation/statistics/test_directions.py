"""Probes as they are stored: the same answers, the three directions, the calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.evaluation.statistics.directions import calibrate, class_difference, haufe_pattern, slope, store_probe
from ldae.evaluation.statistics.probes import fit_classifier, fit_ridge
from tests.unit.evaluation.codes import make_embeddings


@pytest.fixture
def two_classes():
    embeddings = make_embeddings(1.5)
    return embeddings.select(embeddings.table["diagnosis"].isin(["AD", "CN"]).to_numpy())


def is_ad(embeddings):
    return (embeddings.table["diagnosis"] == "AD").to_numpy()


def test_a_stored_classifier_gives_the_fitted_ones_probabilities(two_classes):
    probe = fit_classifier(two_classes, "AD", [0.1, 1.0])
    stored = store_probe(probe, two_classes, is_ad(two_classes), "AD vs CN", "AD")
    y_sem = torch.from_numpy(two_classes.features)
    np.testing.assert_allclose(stored.probability(y_sem), probe.predict(two_classes), rtol=1e-5)
    assert stored.threshold == probe.threshold
    assert stored.regularisation == probe.regularisation
    assert stored.training_subjects == len(probe.subjects["train"])


def test_a_stored_regression_gives_the_fitted_ones_numbers():
    embeddings = make_embeddings(1.5)
    age = embeddings.table["age"].to_numpy()
    probe = fit_ridge(embeddings, age, [1.0])
    stored = store_probe(probe, embeddings, age, "age")
    np.testing.assert_allclose(
        stored.score(torch.from_numpy(embeddings.features)), probe.predict(embeddings), rtol=1e-5
    )
    assert stored.calibration is None
    assert stored.threshold is None


def test_the_directions_are_of_training_scans_alone(two_classes):
    probe = fit_classifier(two_classes, "AD", [1.0])
    other = np.where((two_classes.table["split"] == "train").to_numpy()[:, None], two_classes.features, 7.0)
    first, second = (
        store_probe(probe, replace(two_classes, features=features), is_ad(two_classes), "AD vs CN", "AD")
        for features in (two_classes.features, other.astype(np.float32))
    )
    assert first.pattern == second.pattern
    assert first.difference == second.difference


def test_the_pattern_is_the_covariance_times_the_weights():
    rng = np.random.default_rng(3)
    features, weights = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)) + 5, rng.normal(size=4)
    np.testing.assert_allclose(haufe_pattern(features, weights), np.cov(features.T, ddof=0) @ weights)


def test_the_pattern_ignores_what_only_suppresses_noise():
    rng = np.random.default_rng(3)
    signal, noise = rng.normal(size=(2, 5000))
    features = np.stack([signal + noise, noise], 1)  # weights (1, -1) read the signal; the noise feature holds none
    pattern = haufe_pattern(features, np.array([1.0, -1.0]))
    assert abs(pattern[1] / pattern[0]) < 0.05


def test_the_difference_points_from_the_others_to_the_positive_class():
    features = np.array([[1.0, 4.0], [3.0, 4.0], [0.0, 5.0]])
    np.testing.assert_allclose(class_difference(features, np.array([True, True, False])), [2.0, -1.0])


def test_the_slope_of_every_feature_on_a_number():
    ages = np.array([60.0, 70.0, 90.0])
    features = np.stack([2 * ages + 1, -0.5 * ages], 1)
    np.testing.assert_allclose(slope(features, ages), [2.0, -0.5])


def test_calibration_is_of_validation_scans_and_brings_the_log_odds_down(two_classes):
    target = is_ad(two_classes)
    probe = fit_classifier(two_classes, "AD", [1000.0])
    validation = (two_classes.table["split"] == "validation").to_numpy()
    wrong = np.where(validation & (np.arange(len(target)) % 5 == 0), ~target, target)
    honest, noisy = calibrate(probe, two_classes, target), calibrate(probe, two_classes, wrong)
    assert noisy.slope < honest.slope
    assert honest.subjects == two_classes.table["subject"][validation].nunique()
    rescored = np.where(validation[:, None], two_classes.features, 0).astype(np.float32)
    assert calibrate(probe, replace(two_classes, features=rescored), target) == honest


def test_calibration_is_monotone_and_finite_where_the_classes_are_apart():
    embeddings = make_embeddings(50.0)
    embeddings = embeddings.select(embeddings.table["diagnosis"].isin(["AD", "CN"]).to_numpy())
    probe = fit_classifier(embeddings, "AD", [1.0])
    found = calibrate(probe, embeddings, is_ad(embeddings))
    assert np.isfinite([found.slope, found.intercept]).all()
    assert found.slope > 0


def test_no_calibration_with_one_validation_subject_of_a_class(two_classes):
    probe = fit_classifier(two_classes, "AD", [1.0])
    validation_ad = (two_classes.table["split"] == "validation") & (two_classes.table["diagnosis"] == "AD")
    kept = ~validation_ad.to_numpy()
    kept[np.flatnonzero(validation_ad)[0]] = True
    fewer = two_classes.select(kept)
    assert calibrate(probe, fewer, is_ad(fewer)) is None


def test_subjects_are_counted_not_scans(two_classes):
    again = two_classes.select(np.arange(len(two_classes.table)) < 20)
    table = pd.concat([two_classes.table, again.table.assign(session="M012")], ignore_index=True)
    twice = replace(two_classes, features=np.concatenate([two_classes.features, again.features]), table=table)
    stored = store_probe(fit_classifier(twice, "AD", [0.3]), twice, is_ad(twice), "AD vs CN", "AD")
    assert stored.training_subjects == (two_classes.table["split"] == "train").sum()
