import types

import numpy as np
import pytest

from ldae.config.load import load_config
from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.features import baselines
from ldae.evaluation.features.embeddings import read_embeddings
from tests.unit.sources import ROOT


@pytest.fixture
def qc(scans):
    """Brain volumes in another order than the scans', 1000 ml and the scan's row."""
    shuffled = scans[["subject", "session"]].sample(frac=1, random_state=3)
    return shuffled.assign(brain_volume_ml=1000.0 + shuffled.index)


def test_brain_volumes_are_each_scans_own(scans, qc):
    np.testing.assert_array_equal(baselines.brain_volumes(scans, qc), 1000 + np.arange(len(scans)))


def test_a_scan_without_quality_control_is_named(scans, qc):
    with pytest.raises(UserError, match="ADNI3test M000"):
        baselines.brain_volumes(scans, qc[qc["subject"] != "ADNI3test"])


def test_the_constant_says_nothing(scans):
    found = baselines.constant(scans)
    assert found.features.shape == (len(scans), 1)
    assert np.ptp(found.features) == 0
    assert found.names == ("constant_0",)


def test_volumes_are_those_of_the_scan_on_its_grid_and_of_the_brain(scans, qc, monkeypatch):
    def shares(scan, grid):
        return np.array([scan.mean(), grid.spacing_mm, grid.shape[1], grid.center_mm[1], 0.25])

    monkeypatch.setattr(baselines, "measure_shares", shares)
    config = load_config(ROOT / "config.yaml").preprocessing
    found = baselines.volumes(scans, qc, config, 4)
    images = read_volumes(list(scans["path"]))
    np.testing.assert_allclose(found.features[:, 0], images.mean((1, 2, 3, 4)), rtol=1e-5)
    np.testing.assert_array_equal(found.features[0, 1:4], [config.grid_spacing_mm, config.grid_shape[1], -17])
    np.testing.assert_array_equal(found.features[:, -1], 1000 + np.arange(len(scans)))
    assert found.names[-1] == "brain_volume_ml"
    assert len(found.names) == found.features.shape[1] == 6


def test_every_baseline_goes_into_its_own_file(scans, qc, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "measure_shares", lambda scan, grid: scan.mean((1, 2))[:5])
    preprocessing = load_config(ROOT / "config.yaml").preprocessing
    config = types.SimpleNamespace(preprocessing=preprocessing, evaluation=types.SimpleNamespace(batch_size=3))
    scans.to_csv(tmp_path / "scans.csv", index=False)
    qc.to_csv(tmp_path / "qc.csv", index=False)
    outputs = {name: tmp_path / f"{name}.npz" for name in ("mean", "volumes", "pca")}
    baselines.write_baselines(tmp_path / "scans.csv", tmp_path / "qc.csv", config, outputs)
    wanted = {
        "mean": baselines.constant(scans),
        "volumes": baselines.volumes(scans, qc, preprocessing, 3),
        "pca": baselines.voxel_components(scans, 3),
    }
    for name, made in wanted.items():
        found = read_embeddings(outputs[name])
        assert (found.names, found.fitted_to, found.nested) == (made.names, made.fitted_to, made.nested)
        np.testing.assert_array_equal(found.features, made.features.astype(np.float32))
