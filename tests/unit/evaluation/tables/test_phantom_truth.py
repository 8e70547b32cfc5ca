import numpy as np
import pandas as pd
import pytest

from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import extract_embeddings
from ldae.evaluation.measure.reconstruction import AUTOENCODER, ENCODED, OTHER, SEMANTIC
from ldae.evaluation.tables.phantom_truth import check_against_truth, training_mean_mse

OPTIONS = {"steps": 20, "alpha_grid": [0.01], "batch_size": 4, "draws": 300, "confidence": 0.95, "seed": 0}


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
    return truth, dataset, embeddings, scans.reset_index(drop=True).astype({"steps": "Int64"}), downstream


def met(table: pd.DataFrame) -> dict[str, object]:
    return dict(zip(table["property"], table["met"], strict=True))


def test_a_working_model_meets_the_properties(results):
    table = check_against_truth(*results, **OPTIONS)
    assert list(table.columns) == ["property", "value", "low", "high", "expected", "met"]
    judged = {name: value for name, value in met(table).items() if value != "" and "true ventricle" not in name}
    assert len(judged) == 7
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
    _truth, _dataset, _embeddings, scans, _downstream = results
    scans.loc[scans["start"] == start, column] = value
    missed = [
        name
        for name, value in met(check_against_truth(*results, **OPTIONS)).items()
        if value is np.False_ or value is False
    ]
    assert [name for name in missed if "true ventricle" not in name]
    assert all(name.startswith(failing) for name in missed if "true ventricle" not in name)


def test_a_code_without_atrophy_and_a_chance_probe_fail(results):
    truth, dataset, embeddings, scans, downstream = results
    truth["ventricle_ml"] = np.random.default_rng(0).random(len(truth))
    table = check_against_truth(truth, dataset, embeddings, scans, downstream.assign(low=0.45), **OPTIONS)
    missed = met(table)
    assert not missed["correlation of ventricle volume with its prediction from y_sem, test"]
    assert not missed["AUC of AD vs CN from y_sem, test"]


def test_a_single_test_subject_leaves_the_comparison_undefined_and_unmet(results):
    truth, dataset, embeddings, scans, downstream = results
    table = check_against_truth(truth, dataset, embeddings, scans[scans["start"] != OTHER], downstream, **OPTIONS)
    row = table[table["property"].str.startswith("MSE from own y_sem -")].iloc[0]
    assert np.isnan(row["value"])
    assert not row["met"]


def test_the_training_mean_is_of_training_scans_alone(dataset):
    train = read_volumes(dataset.loc[dataset["split"] == "train", "path"].tolist()).numpy()
    test = read_volumes(dataset.loc[dataset["split"] == "test", "path"].tolist()).numpy()
    expected = ((test - train.mean(0, keepdims=True)) ** 2).mean((1, 2, 3, 4))
    np.testing.assert_allclose(training_mean_mse(dataset, 4)["mean_mse"], expected, rtol=1e-5)


def test_a_scan_without_truth_is_named(results):
    with pytest.raises(UserError, match="ADNItrain0 M000"):
        check_against_truth(results[0].iloc[1:], *results[1:], **OPTIONS)
