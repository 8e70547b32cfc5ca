import types

import nibabel as nib
import numpy as np
import pytest
import torch

from ldae.config.load import load_config
from ldae.data.volumes import read_volumes
from ldae.errors import UserError
from ldae.evaluation.features import baselines
from ldae.evaluation.features.embeddings import read_embeddings
from ldae.models.semantic_encoder import SemanticEncoder
from ldae.networks.encoder import build_semantic_encoder
from ldae.training.backbone import load_backbone_weights
from tests.unit.evaluation.conftest import write_scan
from tests.unit.sources import ROOT

SMALL = {"semantic_dim": 8, "backbone": "convnext_pico", "attention_heads": 2}


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
    """Voxels count where any of these scans holds tissue, one with a hole as well as the others."""
    train = scans[scans["split"] == "train"].drop_duplicates("subject")
    volume = nib.load(train["path"].iloc[1]).get_fdata()
    volume[4:8, 3:9] = 0
    write_scan(train["path"].iloc[1], volume)
    found = baselines.voxel_components(scans, 4)
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


def test_one_training_subject_has_no_component(scans, caplog):
    one = scans[(scans["split"] != "train") | (scans["subject"] == "ADNI0train")].reset_index(drop=True)
    assert len(one[one["split"] == "train"]) == 2
    alone = baselines.voxel_components(one, 4)
    assert alone.features.tolist() == [[0.0]] * len(one) and not alone.fitted_to
    assert "one training subject has no principal component" in caplog.text
    two = scans[(scans["split"] != "train") | scans["subject"].isin(["ADNI0train", "ADNI1train"])]
    assert baselines.voxel_components(two.reset_index(drop=True), 4).features.shape[1] == 1


def test_the_constant_says_nothing(scans):
    found = baselines.constant(scans)
    assert found.features.shape == (len(scans), 1)
    assert np.ptp(found.features) == 0
    assert found.names == ("constant_0",)


@pytest.fixture
def small(scans, tmp_path):
    """The same scans on a grid that the encoder takes: noise of their own, the first and last planes background."""
    for row in range(len(scans)):
        volume = np.random.default_rng(row).random((16, 16, 4))
        volume[:3], volume[:, -2:] = 0, 0
        scans.loc[row, "path"] = write_scan(tmp_path / f"small{row}.nii.gz", volume)
    return scans


@pytest.fixture
def encoder():
    config = load_config(ROOT / "config.yaml").encoder
    return config.model_copy(update={"semantic_dim": 8, "attention_heads": 2})


def test_the_untrained_encoder_is_the_seeds_and_sees_the_centred_image(small, encoder):
    scans = small[:4]
    zero, half = torch.zeros(1, 1, 16, 16, 4), torch.full((1, 1, 16, 16, 4), 0.5)
    codes = {
        (seed, name): baselines.untrained(scans, encoder, image, seed, 4).features
        for seed in (3, 4)
        for name, image in (("zero", zero), ("half", half))
    }
    np.testing.assert_allclose(
        codes[3, "zero"], baselines.untrained(scans, encoder, zero, 3, 3).features, rtol=1e-4, atol=1e-5
    )
    assert not np.allclose(codes[3, "zero"], codes[4, "zero"])
    assert not np.allclose(codes[3, "zero"], codes[3, "half"])
    assert len(np.unique(codes[3, "zero"][:, 0])) == 4


def test_the_untrained_encoder_is_random_where_training_starts_from_a_file(small, encoder, tmp_path):
    """The row says untrained, which ImageNet's weights are not."""
    image, pretrained = torch.zeros(1, 1, 16, 16, 4), SemanticEncoder((16, 16, 4), **SMALL).backbone.state_dict()
    stem = pretrained["features.0.0.weight"]
    weights = pretrained | {"features.0.0.weight": stem.repeat(1, 3, 1, 1)}
    torch.save(weights | {"classifier.2.weight": stem, "classifier.2.bias": stem}, tmp_path / "backbone.pth")
    named = encoder.model_copy(update={"backbone_weights": str(tmp_path / "backbone.pth")})
    load_backbone_weights(build_semantic_encoder(named, (16, 16, 4)), named, named.backbone_weights)  # the file fits
    plain, other = (baselines.untrained(small[:3], config, image, 3, 3).features for config in (encoder, named))
    np.testing.assert_array_equal(plain, other)


def test_every_baseline_goes_into_its_own_file(small, encoder, qc, tmp_path, monkeypatch):
    """With the seed, the batch and the model of the folder that the configuration names."""
    mean_image = torch.rand(1, 1, 16, 16, 4, generator=torch.Generator().manual_seed(2))
    semantic_encoder = types.SimpleNamespace(mean_image=mean_image)
    model = types.SimpleNamespace(representation=types.SimpleNamespace(semantic_encoder=semantic_encoder))
    asked = []
    loaded = types.SimpleNamespace(load=lambda *arguments: asked.append(arguments) or model)
    monkeypatch.setattr(baselines, "LatentDiffusionAutoencoder", loaded)
    monkeypatch.setattr(baselines, "measure_shares", lambda scan, grid: scan.mean((1, 2))[:4])
    preprocessing = load_config(ROOT / "config.yaml").preprocessing
    evaluation = types.SimpleNamespace(batch_size=3)
    config = types.SimpleNamespace(seed=5, encoder=encoder, preprocessing=preprocessing, evaluation=evaluation)
    small.to_csv(tmp_path / "scans.csv", index=False)
    qc.to_csv(tmp_path / "qc.csv", index=False)
    outputs = {name: tmp_path / f"{name}.npz" for name in ("mean", "volumes", "pca", "untrained")}
    baselines.write_baselines(tmp_path / "scans.csv", tmp_path / "qc.csv", "models", config, outputs)
    assert asked == [("models", config)]
    wanted = {
        "mean": baselines.constant(small),
        "volumes": baselines.volumes(small, qc, preprocessing, 3),
        "pca": baselines.voxel_components(small, 3),
        "untrained": baselines.untrained(small, encoder, mean_image, 5, 3),
    }
    for name, made in wanted.items():
        found = read_embeddings(outputs[name])
        assert found.names == made.names
        assert found.fitted_to == made.fitted_to
        np.testing.assert_array_equal(found.features, made.features.astype(np.float32))


def test_volumes_are_those_of_the_scan_on_its_grid_and_of_the_brain(scans, qc, monkeypatch):
    def shares(scan, grid):
        return np.array([scan.mean(), grid.spacing_mm, grid.shape[1], grid.center_mm[1]])

    monkeypatch.setattr(baselines, "measure_shares", shares)
    config = load_config(ROOT / "config.yaml").preprocessing
    found = baselines.volumes(scans, qc, config, 4)
    images = read_volumes(list(scans["path"]))
    np.testing.assert_allclose(found.features[:, 0], images.mean((1, 2, 3, 4)), rtol=1e-5)
    np.testing.assert_array_equal(found.features[0, 1:4], [config.grid_spacing_mm, config.grid_shape[1], -17])
    np.testing.assert_array_equal(found.features[:, -1], 1000 + np.arange(len(scans)))
    assert found.names[-1] == "brain_volume_ml"
    assert len(found.names) == 5
