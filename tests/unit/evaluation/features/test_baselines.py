import nibabel as nib
import numpy as np
import pytest
import torch

from ldae.config.load import load_config
from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.features import baselines
from tests.unit.evaluation.conftest import write_scan
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


def test_components_are_those_of_one_scan_per_training_subject(scans):
    found = baselines.voxel_components(scans, 4)
    train = scans[scans["split"] == "train"].drop_duplicates("subject")
    assert found.features.shape == (len(scans), len(train) - 1)
    assert found.fitted_to == tuple(train["subject"])
    voxels = read_volumes(list(train["path"])).flatten(1).double().numpy()
    singular = np.linalg.svd(voxels - voxels.mean(0), compute_uv=False)
    of_train = found.features[train.index]
    np.testing.assert_allclose(np.linalg.norm(of_train, axis=0), singular[: len(train) - 1], rtol=1e-3)
    np.testing.assert_allclose(of_train.mean(0), 0, atol=1e-3)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_the_components_are_fitted_to_training_scans_alone(scans, split, tmp_path):
    """Scans of another split, made very different, move neither the components nor the centre."""
    before = baselines.voxel_components(scans, 4)
    chosen = (scans["split"] == split).to_numpy()
    strange = scans.copy()
    for row in np.flatnonzero(chosen):
        volume = nib.load(scans["path"][row]).get_fdata()
        strange.loc[row, "path"] = write_scan(tmp_path / f"strange{row}.nii.gz", 5 * np.roll(volume, 5, 1) + row)
    after = baselines.voxel_components(strange, 4)
    np.testing.assert_array_equal(before.features[~chosen], after.features[~chosen])
    assert not np.allclose(before.features[chosen], after.features[chosen])


def test_voxels_that_are_background_in_every_training_scan_have_no_say(scans, tmp_path):
    before, moved = baselines.voxel_components(scans, 4), scans.copy()
    row = int(np.flatnonzero(scans["split"] == "test")[1])
    volume = nib.load(scans["path"][row]).get_fdata()
    volume[:2] = 0.9
    moved.loc[row, "path"] = write_scan(tmp_path / "moved.nii.gz", volume)
    np.testing.assert_allclose(before.features, baselines.voxel_components(moved, 4).features, atol=1e-5)


def test_components_need_two_training_subjects(scans):
    one = scans[(scans["split"] != "train") | (scans["subject"] == "ADNI0train")].reset_index(drop=True)
    assert len(one[one["split"] == "train"]) == 2
    with pytest.raises(UserError, match="two training subjects"):
        baselines.voxel_components(one, 4)


def test_the_constant_says_nothing(scans):
    found = baselines.constant(scans)
    assert found.features.shape == (len(scans), 1)
    assert np.ptp(found.features) == 0


def test_the_untrained_encoder_is_the_seeds_and_sees_the_centred_image(scans, tmp_path):
    shape = (16, 16, 4)
    scans = scans[:4].copy()
    for row in range(4):
        volume = np.random.default_rng(row).random(shape)
        scans.loc[row, "path"] = write_scan(tmp_path / f"small{row}.nii.gz", volume)
    config = load_config(ROOT / "config.yaml").encoder
    small = type(config)(**config.model_dump() | {"semantic_dim": 8, "attention_heads": 2})
    zero, half = torch.zeros(1, 1, *shape), torch.full((1, 1, *shape), 0.5)
    codes = {
        (seed, name): baselines.untrained(scans, small, image, seed, 4).features
        for seed in (3, 4)
        for name, image in (("zero", zero), ("half", half))
    }
    np.testing.assert_allclose(
        codes[3, "zero"], baselines.untrained(scans, small, zero, 3, 3).features, rtol=1e-4, atol=1e-5
    )
    assert not np.allclose(codes[3, "zero"], codes[4, "zero"])
    assert not np.allclose(codes[3, "zero"], codes[3, "half"])
    assert len(np.unique(codes[3, "zero"][:, 0])) == 4


def test_volumes_are_those_of_the_scan_on_its_grid_and_of_the_brain(scans, qc, monkeypatch):
    def shares(scan, grid):
        return np.array([scan.mean(), grid.spacing_mm, *grid.shape[:2]])

    monkeypatch.setattr(baselines, "measure_shares", shares)
    config = load_config(ROOT / "config.yaml").preprocessing
    found = baselines.volumes(scans, qc, config, 4)
    images = read_volumes(list(scans["path"]))
    np.testing.assert_allclose(found.features[:, 0], images.mean((1, 2, 3, 4)), rtol=1e-5)
    np.testing.assert_array_equal(found.features[0, 1:4], [config.grid_spacing_mm, *config.grid_shape[:2]])
    np.testing.assert_array_equal(found.features[:, -1], 1000 + np.arange(len(scans)))
    assert found.names[-1] == "brain_volume_ml"
    assert len(found.names) == 5
