"""What the probes of y_sem say of every scan, and the files they leave for use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.config.evaluation import ProbesConfig
from ldae.evaluation.describe import count_cohort
from ldae.evaluation.features.embeddings import write_embeddings
from ldae.evaluation.tables.predictions import PREDICTION_COLUMNS, fit_probes, predict, write_predictions
from ldae.files import hash_file
from ldae.systems.probes import read_probes
from tests.unit.evaluation.codes import make_embeddings

PROBES = ProbesConfig(c_grid=[0.1, 10.0], alpha_grid=[1.0, 100.0], redraws=0)


def test_predictions_are_those_of_the_probes_for_every_scan():
    embeddings = make_embeddings(2.0)
    probes = fit_probes(embeddings, PROBES)
    table = predict(probes, embeddings)
    assert tuple(table.columns) == PREDICTION_COLUMNS
    assert table[["subject", "split"]].equals(embeddings.table[["subject", "split"]])
    y_sem = torch.from_numpy(embeddings.features)
    np.testing.assert_allclose(table["p_AD"], probes["ad_cn"].probability(y_sem))
    np.testing.assert_allclose(table["p_AD_calibrated"], probes["ad_cn"].calibrated(y_sem))
    np.testing.assert_allclose(table["age_gap"], table["predicted_age"] - embeddings.table["age"])
    assert table.groupby("diagnosis")["p_AD"].mean().idxmax() == "AD"
    assert table["probes"][0].startswith("AD vs CN: logistic regression, C = ")
    assert "age: ridge, alpha = " in table["probes"][0]


def test_the_test_scans_have_no_say():
    embeddings = make_embeddings(2.0)
    labels = embeddings.table.copy()
    test = labels["split"] == "test"
    labels.loc[test, "diagnosis"] = labels.loc[test, "diagnosis"].map({"AD": "CN", "CN": "AD", "MCI": "MCI"})
    labels.loc[test, "age"] = 50.0
    relabelled = type(embeddings)(embeddings.features, labels, embeddings.names)
    assert fit_probes(embeddings, PROBES) == fit_probes(relabelled, PROBES)


def test_what_the_labels_do_not_allow_is_left_empty_and_said(caplog):
    embeddings = make_embeddings(2.0)
    no_ad = embeddings.select((embeddings.table["diagnosis"] != "AD").to_numpy())
    probes = fit_probes(no_ad, PROBES)
    assert list(probes) == ["age"]
    assert "no probe of AD vs CN" in caplog.text and "0 AD" in caplog.text
    table = predict(probes, no_ad)
    assert table["p_AD"].isna().all()
    assert table["predicted_age"].notna().all()


def test_unknown_ages_are_predicted_and_have_no_gap():
    embeddings = make_embeddings(2.0)
    ages = embeddings.table["age"].where(np.arange(len(embeddings.table)) % 3 > 0)
    table = predict(
        fit_probes(embeddings, PROBES), type(embeddings)(embeddings.features, embeddings.table.assign(age=ages))
    )
    assert table["predicted_age"].notna().all()
    np.testing.assert_array_equal(table["age_gap"].isna(), ages.isna())


def test_the_files_belong_to_the_weights_and_follow_the_labels(tmp_path):
    embeddings = make_embeddings(2.0, subjects=60)
    embeddings.table.assign(path="scan.nii.gz").sample(frac=1, random_state=1).to_csv(tmp_path / "dataset.csv")
    (tmp_path / "representation.safetensors").write_bytes(b"weights")
    made_by = hash_file(tmp_path / "representation.safetensors")
    write_embeddings(tmp_path / "ldae.npz", replace(embeddings, weights_sha256=made_by))
    write_predictions(
        tmp_path / "dataset.csv",
        tmp_path / "ldae.npz",
        tmp_path / "representation.safetensors",
        PROBES,
        stored=tmp_path / "probes.json",
        predictions=tmp_path / "predictions.csv",
        codes=tmp_path / "embeddings.csv",
    )
    assert read_probes(tmp_path, hash_file(tmp_path / "representation.safetensors")) == fit_probes(embeddings, PROBES)
    table = pd.read_csv(tmp_path / "predictions.csv")
    pd.testing.assert_frame_equal(table, predict(fit_probes(embeddings, PROBES), embeddings), rtol=1e-4, atol=1e-4)
    codes = pd.read_csv(tmp_path / "embeddings.csv")
    assert list(codes)[:4] == ["subject", "session", "split", "y_sem_0"]
    np.testing.assert_allclose(codes.filter(like="y_sem"), embeddings.features, rtol=1e-5)


def test_no_subject_stands_in_the_stored_probes():
    stored = str(fit_probes(make_embeddings(2.0), PROBES))
    assert "S0" not in stored


def test_the_cohort_is_counted_by_subject_and_by_scan():
    table = pd.DataFrame(
        [("a", "train", "AD"), ("a", "train", "AD"), ("b", "train", ""), ("c", "test", "CN")],
        columns=["subject", "split", "diagnosis"],
    )
    assert count_cohort(table) == {
        "subjects": {"train": 2, "validation": 0, "test": 1},
        "scans": {"train": 3, "validation": 0, "test": 1},
        "diagnoses": {"AD": 2, "CN": 1, "unknown": 1},
    }


@pytest.mark.parametrize("name", ["pattern", "difference", "weights"])
def test_every_direction_points_towards_ad_and_towards_age(name):
    embeddings = make_embeddings(3.0)
    probes = fit_probes(embeddings, PROBES)
    assert getattr(probes["ad_cn"], name)[0] > 0
    assert np.argmax(np.abs(getattr(probes["ad_cn"], name))) == 0
    assert np.argmax(getattr(probes["age"], name)) == 1
