import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ldae.config.load import load_config
from ldae.config.models import EncoderConfig
from ldae.config.preprocessing import PreprocessingConfig
from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.measure.extractors import baselines
from tests.unit.sources import ROOT


@pytest.fixture
def qc(dataset):
    scans = dataset[["subject", "session"]].sample(frac=1, random_state=0)
    return scans.assign(brain_volume_ml=1000.0 + scans.index)


def test_facts_about_a_person_are_numbers_with_gaps(dataset, qc):
    dataset.loc[0, ["age", "sex"]] = np.nan, ""
    people = baselines.with_brain_volume(baselines.demographics(dataset), qc)
    assert people.names == ("age", "sex", "brain_volume_ml")
    assert np.isnan(people.features[0, :2]).all() and people.features[0, 2] == 1000
    np.testing.assert_array_equal(people.features[1:, 1], (dataset["sex"] == "M")[1:])
    np.testing.assert_array_equal(people.features[:, 2], 1000 + np.arange(len(dataset)))


def test_a_scan_without_quality_control_is_named(dataset, qc):
    short = qc[qc["subject"] != "ADNItest3"]
    with pytest.raises(UserError, match="ADNItest3"):
        baselines.with_brain_volume(baselines.demographics(dataset), short)


def test_components_are_those_of_one_scan_a_training_subject(dataset):
    found = baselines.voxel_components(dataset, 4)
    train = dataset[dataset["split"] == "train"].drop_duplicates("subject")
    assert found.features.shape == (len(dataset), len(train) - 1)
    assert found.fitted_to == tuple(train["subject"])
    voxels = read_volumes(list(train["path"])).flatten(1).double().numpy()
    singular = np.linalg.svd(voxels - voxels.mean(0), compute_uv=False)
    of_train = found.features[train.index]
    np.testing.assert_allclose(np.linalg.norm(of_train, axis=0), singular[: len(train) - 1], rtol=1e-3)


def test_test_scans_have_no_say_in_the_components(dataset):
    before = baselines.voxel_components(dataset, 4)
    swapped = dataset.copy()
    test = swapped["split"] == "test"
    swapped.loc[test, "path"] = swapped.loc[test, "path"].to_numpy()[::-1]
    after = baselines.voxel_components(swapped, 4)
    train = (dataset["split"] == "train").to_numpy()
    np.testing.assert_array_equal(before.features[train], after.features[train])
    assert not np.allclose(before.features[~train], after.features[~train])


def test_the_constant_says_nothing(dataset):
    assert np.ptp(baselines.constant(dataset).features) == 0


def test_the_untrained_encoder_is_the_seeds_and_sees_the_centred_image(dataset):
    shape = (16, 16, 4)
    for path in dataset["path"][:4]:
        volume = np.random.default_rng(len(path)).random(shape).astype(np.float32)
        nib.save(nib.Nifti1Image(volume, np.eye(4)), path)
    dataset = dataset[:4]
    config = load_config(ROOT / "config.yaml").encoder
    small = EncoderConfig(**config.model_dump() | {"semantic_dim": 8, "attention_heads": 2})
    zero, half = torch.zeros(1, 1, *shape), torch.full((1, 1, *shape), 0.5)
    codes = {
        (seed, name): baselines.untrained(dataset, small, image, seed, 4).features
        for seed in (0, 1)
        for name, image in (("zero", zero), ("half", half))
    }
    np.testing.assert_array_equal(codes[0, "zero"], baselines.untrained(dataset, small, zero, 0, 7).features)
    assert not np.allclose(codes[0, "zero"], codes[1, "zero"])
    assert not np.allclose(codes[0, "zero"], codes[0, "half"])


def test_volumes_are_those_of_the_scan_and_the_brain(dataset, qc, monkeypatch):
    monkeypatch.setattr(baselines, "measure_shares", lambda scan, grid: np.array([scan.mean(), grid.spacing_mm, 0, 0]))
    config = load_config(ROOT / "config.yaml").preprocessing
    found = baselines.volumes(dataset, qc, PreprocessingConfig(**config.model_dump()), 4)
    scans = read_volumes(list(dataset["path"]))
    np.testing.assert_allclose(found.features[:, 0], scans.mean((1, 2, 3, 4)), rtol=1e-5)
    np.testing.assert_array_equal(found.features[:, -1], 1000 + np.arange(len(dataset)))
    assert found.names[-1] == "brain_volume_ml" and isinstance(found.table, pd.DataFrame)
