import types

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ldae.config.evaluation import BootstrapConfig
from ldae.config.names import AUTOENCODER
from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import extract_embeddings, write_embeddings
from ldae.evaluation.measure.reconstruction import ENCODED, OTHER, SEMANTIC
from ldae.evaluation.tables.phantom_truth import check_against_truth, training_mean_mse, write_truth_table
from tests.unit.evaluation.tables.test_phantom_edits import edits

BOOTSTRAP = BootstrapConfig(draws=300, confidence=0.95)
OPTIONS = {"steps": 20, "alpha_grid": [0.01], "batch_size": 4, "bootstrap": BOOTSTRAP, "seed": 3}


@pytest.fixture
def results(fake_ldae, dataset):
    """Results of a model that works: y_sem is the mean intensity, and so is the true ventricle volume."""
    embeddings = extract_embeddings(fake_ldae.encode_semantic, dataset, 4, "ldae")
    truth = dataset[["subject", "session", "diagnosis", "age"]].assign(ventricle_ml=100 * embeddings.features[:, 0])
    test = dataset.loc[dataset["split"] == "test", ["subject", "session"]].reset_index(drop=True)
    settings = [
        (AUTOENCODER, "", pd.NA, 0.95, 0.0002, np.nan),
        ("LDAE", ENCODED, 20, 0.948, 0.0002, 1.02),
        ("LDAE", SEMANTIC, 20, 0.8, 0.002, np.nan),
        ("LDAE", OTHER, 20, 0.7, 0.004, np.nan),
    ]
    names = ["model", "start", "steps", "ssim", "mse", "z_T_std"]
    scans = pd.concat([test.assign(**dict(zip(names, setting, strict=True))) for setting in settings])
    columns = ["encoder", "task", "scans", "metric", "value", "low", "high"]
    downstream = pd.DataFrame(
        [
            ("training mean", "AD vs CN", "all", "roc_auc", 0.5, 0.5, 0.5),
            ("LDAE", "AD vs CN", "baseline", "roc_auc", 0.5, 0.4, 0.6),
            ("LDAE", "AD vs CN", "all", "roc_auc", 0.8, 0.6, 0.9),
        ],
        columns=columns,
    )
    scans = scans.reset_index(drop=True).astype({"steps": "Int64"})
    return truth, dataset, embeddings, scans, downstream, edits()


def met(table: pd.DataFrame) -> dict[str, object]:
    return dict(zip(table["property"], table["met"], strict=True))


def test_a_working_model_meets_the_properties(results):
    table = check_against_truth(*results, **OPTIONS)
    assert list(table.columns) == ["property", "value", "low", "high", "expected", "met"]
    judged = {name: value for name, value in met(table).items() if value != "" and "true ventricle" not in name}
    assert len(judged) == 13
    assert all(judged.values())
    correlation = table[table["property"].str.startswith("correlation")].iloc[0]
    assert correlation["value"] > 0.99


@pytest.mark.parametrize(
    "start, column, value, failing",
    [
        ("", "mse", 1.0, "AutoencoderKL's MSE"),
        (ENCODED, "ssim", 0.93, "SSIM, LDAE"),
        (ENCODED, "z_T_std", 25.0, "standard deviation"),
        (SEMANTIC, "mse", 0.004, "MSE from own y_sem"),
    ],
)
def test_each_property_can_fail(results, start, column, value, failing):
    scans = results[3]
    scans.loc[scans["start"] == start, column] = value
    missed = [
        name
        for name, value in met(check_against_truth(*results, **OPTIONS)).items()
        if value is np.False_ or value is False
    ]
    assert [name for name in missed if "true ventricle" not in name]
    assert all(name.startswith(failing) for name in missed if "true ventricle" not in name)


def test_a_code_without_atrophy_and_a_chance_probe_fail(results):
    truth, dataset, embeddings, scans, downstream, edited = results
    truth["ventricle_ml"] = np.random.default_rng(0).random(len(truth))
    table = check_against_truth(truth, dataset, embeddings, scans, downstream.assign(low=0.45), edited, **OPTIONS)
    missed = met(table)
    assert not missed["correlation of ventricle volume with its prediction from y_sem, test"]
    assert not missed["AUC of AD vs CN from y_sem, test"]


def test_a_single_test_subject_leaves_the_comparison_undefined_and_unmet(results):
    truth, dataset, embeddings, scans, downstream, edited = results
    table = check_against_truth(
        truth, dataset, embeddings, scans[scans["start"] != OTHER], downstream, edited, **OPTIONS
    )
    row = table[table["property"].str.startswith("MSE from own y_sem -")].iloc[0]
    assert np.isnan(row["value"])
    assert not row["met"]


def test_the_training_mean_is_of_training_scans_alone(dataset):
    train = read_volumes(dataset.loc[dataset["split"] == "train", "path"].tolist()).numpy()
    test = read_volumes(dataset.loc[dataset["split"] == "test", "path"].tolist()).numpy()
    expected = ((test - train.mean(0, keepdims=True)) ** 2).mean((1, 2, 3, 4))
    np.testing.assert_allclose(training_mean_mse(dataset, 4)["mean_mse"], expected, rtol=1e-5)


def test_a_scan_without_truth_is_named(results):
    with pytest.raises(UserError, match="ADNI0test M000"):
        check_against_truth(results[0].iloc[1:], *results[1:], **OPTIONS)


def value(table, name):
    return table[table["property"].str.startswith(name)].iloc[0]


def test_each_property_is_the_quantity_it_names(results, dataset):
    """Every figure of the reconstructions by hand, on values that differ from scan to scan."""
    truth, _, embeddings, scans, downstream, edited = results
    rng = np.random.default_rng(8)
    scans["mse"] *= 1 + 0.2 * rng.random(len(scans))
    scans["ssim"] += 0.01 * rng.random(len(scans))
    scans["z_T_std"] += 0.05 * rng.random(len(scans))
    other_steps = scans[scans["steps"] == 20].assign(steps=50, mse=9.0, ssim=0.1, z_T_std=9.0)
    scans = pd.concat([scans, other_steps.astype({"steps": "Int64"})], ignore_index=True)
    table = check_against_truth(truth, dataset, embeddings, scans, downstream, edited, **OPTIONS)
    start = {
        name: scans[(scans["start"] == name) & ((scans["steps"] == 20) | (name == ""))].reset_index(drop=True)
        for name in ("", ENCODED, SEMANTIC, OTHER)
    }
    mean_mse = training_mean_mse(dataset, 4)["mean_mse"]
    assert value(table, "AutoencoderKL's MSE").value == pytest.approx(start[""]["mse"].mean() / mean_mse.mean())
    assert value(table, "SSIM, LDAE").value == pytest.approx((start[ENCODED]["ssim"] - start[""]["ssim"]).mean())
    assert value(table, "standard deviation").value == pytest.approx(start[ENCODED]["z_T_std"].mean())
    own, other = start[SEMANTIC]["mse"], start[OTHER]["mse"]
    assert value(table, "MSE from own y_sem /").value == pytest.approx(own.mean() / other.mean())
    assert value(table, "MSE from own y_sem -").value == pytest.approx((own - other).mean())
    auc = value(table, "AUC of AD vs CN from y_sem")
    assert [auc.value, auc.low, auc.high] == [0.8, 0.6, 0.9]


def test_the_correlation_is_on_test_scans_by_a_probe_of_training_scans(results, dataset):
    """Truth that follows the code in training scans and runs against it in test scans."""
    truth, _, embeddings, scans, downstream, edited = results
    test = (dataset["split"] == "test").to_numpy()
    code = embeddings.features[:, 0]
    ventricles = np.where(test, 10 - 20 * code, 100 * code)
    turned = truth.assign(ventricle_ml=ventricles)
    table = check_against_truth(turned, dataset, embeddings, scans, downstream, edited, **OPTIONS)
    row = value(table, "correlation")
    assert row.value == pytest.approx(-1, abs=1e-3)
    assert not row.met


def test_the_ceiling_is_that_of_the_true_volume_with_ad_positive(results, dataset):
    truth, _, embeddings, scans, downstream, edited = results
    rng = np.random.default_rng(5)
    volume = 20 + 8.0 * (dataset["diagnosis"] == "AD") + 6 * rng.random(len(dataset)) + (dataset["age"] - 60)
    volume[dataset["split"] == "test"] -= 12.0 * (dataset["diagnosis"] == "AD")
    known = dataset.assign(volume=volume)
    test = known["split"] == "test"
    two = known["diagnosis"] != "MCI"
    table = check_against_truth(
        truth.assign(ventricle_ml=volume), dataset, embeddings, scans, downstream, edited, **OPTIONS
    )
    for where, rows in (("all subjects", known[two]), ("test", known[two & test])):
        expected = roc_auc_score(rows["diagnosis"] == "AD", rows["volume"])
        row = value(table, f"AUC of AD vs CN from the true ventricle volume, {where}")
        assert row.value == pytest.approx(expected)
    train = known["split"] == "train"
    mean_error = (known["age"][test] - known["age"][train].mean()).abs().mean()
    assert value(table, "age error (MAE, years) of the training mean").value == pytest.approx(mean_error)
    weights = np.polyfit(known["volume"][train], known["age"][train], 1)
    error = (np.polyval(weights, known["volume"][test]) - known["age"][test]).abs().mean()
    own = value(table, "age error (MAE, years) from the true ventricle volume")
    assert own.value == pytest.approx(error, rel=0.02)
    assert own.met == (own.value < mean_error)


def test_labels_come_from_the_dataset_by_scan(results, dataset):
    """The order of neither the labels nor the truth matters."""
    truth, _, *others = results
    first = check_against_truth(truth, dataset, *others, **OPTIONS)
    second = check_against_truth(truth.sample(frac=1, random_state=3), dataset, *others, **OPTIONS)
    pd.testing.assert_frame_equal(first, second)


def test_the_rule_reads_what_the_others_wrote(results, tmp_path):
    truth, dataset, embeddings, scans, downstream, edited = results
    scans = scans.assign(solver="2m", ssim_win3=0.9, note="")
    tables = {"truth": truth, "dataset": dataset, "scans": scans, "downstream": downstream, "edits": edited}
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    write_embeddings(tmp_path / "ldae.npz", embeddings)
    evaluation = types.SimpleNamespace(
        batch_size=4, bootstrap=BOOTSTRAP, probes=types.SimpleNamespace(alpha_grid=[0.01])
    )
    config = types.SimpleNamespace(seed=3, sampling=types.SimpleNamespace(steps=20), evaluation=evaluation)
    read = ("truth.csv", "dataset.csv", "ldae.npz", "scans.csv", "downstream.csv", "edits.csv")
    write_truth_table(*(tmp_path / name for name in read), config, tmp_path / "table.csv")
    wanted = check_against_truth(truth, dataset, embeddings, scans, downstream, edited, **OPTIONS)
    found = pd.read_csv(tmp_path / "table.csv")
    np.testing.assert_allclose(found["value"], wanted["value"], rtol=1e-5)
    np.testing.assert_allclose(found["low"], wanted["low"], rtol=1e-5)


@pytest.mark.parametrize(
    "start, column, inside, outside, name",
    [
        ("", "mse", 0.49, 0.51, "AutoencoderKL's MSE"),  # shares of the mean image's error
        (ENCODED, "ssim", 0.941, 0.939, "SSIM, LDAE"),  # the autoencoder's is 0.95
        (ENCODED, "z_T_std", 0.91, 0.89, "standard deviation"),
        (ENCODED, "z_T_std", 1.09, 1.11, "standard deviation"),
    ],
)
def test_a_property_is_met_up_to_its_limit(results, dataset, start, column, inside, outside, name):
    scans, unit = results[3], training_mean_mse(dataset, 4)["mean_mse"].mean() if column == "mse" else 1
    for level, expected in ((inside, True), (outside, False)):
        scans.loc[scans["start"] == start, column] = level * unit
        assert value(check_against_truth(*results, **OPTIONS), name).met == expected


def test_the_own_code_must_be_better_with_certainty(results):
    """Better on average but not in every draw: the value alone would meet it."""
    scans = results[3]
    own = scans["start"] == SEMANTIC
    scans.loc[own, "mse"] = 0.004 * np.array([0.1, 0.1, 1.2, 0.2, 1.3, 1.3, 0.9, 1.3])
    table = check_against_truth(*results, **OPTIONS)
    for name, limit in (("MSE from own y_sem /", 1), ("MSE from own y_sem -", 0)):
        row = value(table, name)
        assert row.value < limit < row.high
        assert not row.met


@pytest.mark.parametrize("correlation, expected", [(0.82, True), (0.78, False)])
def test_the_correlation_is_met_above_its_limit(results, dataset, correlation, expected):
    truth, _, embeddings, *others = results
    test = (dataset["split"] == "test").to_numpy()
    code, noise = embeddings.features[test, 0].astype(float), np.random.default_rng(3).normal(size=test.sum())
    code -= code.mean()
    noise -= noise.mean() + code * (noise @ code) / (code @ code)
    ventricles = 100.0 * embeddings.features[:, 0].astype(float)
    ventricles[test] = correlation * code / np.linalg.norm(code) + (1 - correlation**2) ** 0.5 * (
        noise / np.linalg.norm(noise)
    )
    table = check_against_truth(truth.assign(ventricle_ml=ventricles), dataset, embeddings, *others, **OPTIONS)
    row = value(table, "correlation")
    assert row.value == pytest.approx(correlation, abs=0.01)
    assert row.met == expected


@pytest.mark.parametrize("wrong_pairs, expected", [(0, False), (2, True), (3, True), (4, False)])
def test_the_ceiling_lies_within_its_bounds(results, dataset, wrong_pairs, expected):
    """Of the 40 pairs of a scan of AD and one of CN, some stand the wrong way round."""
    truth, _, *others = results
    cn, ad = (np.flatnonzero(dataset["diagnosis"] == name) for name in ("CN", "AD"))
    volume = np.full(len(dataset), 5.0)
    volume[cn], volume[ad] = np.arange(8) + 10, 50
    volume[ad[0]] = 17.5 - wrong_pairs
    table = check_against_truth(truth.assign(ventricle_ml=volume), dataset, *others, **OPTIONS)
    row = value(table, "AUC of AD vs CN from the true ventricle volume, all")
    assert row.value == pytest.approx(1 - wrong_pairs / 40)
    assert row.met == expected
    assert value(table, "AUC of AD vs CN from the true ventricle volume, test").met == ""


def test_the_seed_and_the_confidence_move_the_intervals_alone(results):
    narrow = OPTIONS["bootstrap"].model_copy(update={"confidence": 0.4})
    variants = ({}, {"seed": 4}, {"bootstrap": narrow})
    first, reseeded, small = (
        value(check_against_truth(*results, **OPTIONS | changed), "AutoencoderKL's MSE") for changed in variants
    )
    assert first.value == reseeded.value == small.value
    assert first.low != reseeded.low
    assert first.high - first.low > small.high - small.low > 0
