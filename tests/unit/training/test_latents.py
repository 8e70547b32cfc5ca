"""Latents are posterior means, and their statistics come from training subjects alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.config.models import LatentsConfig
from ldae.data.leaks import fitting_rows
from ldae.data.scans import LATENT_COLUMNS, join_latents, read_scans
from ldae.data.volumes import Volumes, read_latent, read_volume
from ldae.errors import UserError
from ldae.files import hash_file, read_json, read_table, write_table
from ldae.networks.autoencoder import build_autoencoder
from ldae.training.latents import encode_latents
from ldae.training.normalizer import fit_normalizer, load_normalizer, normalized_reader
from ldae.weights import load_weights, save_weights


@pytest.fixture
def encoded(cohort, autoencoder_config, tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / "autoencoder.safetensors"
    save_weights(build_autoencoder(autoencoder_config), weights, {})

    def encode(center="voxel", name="latent_statistics"):
        statistics = tmp_path / f"{name}.safetensors"
        places = {"manifest": cohort.manifest, "statistics": statistics}
        encode_latents(cohort.scans, weights, autoencoder_config, LatentsConfig(center=center), **places)
        return pd.read_csv(cohort.manifest), statistics

    encode.weights = weights
    return encode


def test_latents_are_the_posterior_mean(encoded, cohort, autoencoder_config):
    manifest, _ = encoded()
    autoencoder = build_autoencoder(autoencoder_config).eval()
    load_weights(autoencoder, encoded.weights)
    scans = read_scans(cohort.scans)
    assert tuple(manifest.columns) == LATENT_COLUMNS
    assert manifest["latent_path"][1] == f"{cohort.manifest.parent}/sub-S0_ses-M006.npz"
    assert manifest["split"].tolist() == scans["split"].tolist()
    assert manifest["latent_sha256"].tolist() == [hash_file(path) for path in manifest["latent_path"]]
    for path, latent_path in zip(scans["path"], manifest["latent_path"], strict=True):
        with torch.no_grad():
            z_mu = autoencoder.encode(read_volume(path)[None])[0][0]
        torch.testing.assert_close(read_latent(latent_path), z_mu)
        assert np.load(latent_path)["data"].dtype == np.float32


def test_what_was_encoded_is_what_a_training_takes(encoded, cohort):
    manifest, _ = encoded()
    rows = join_latents(fitting_rows(read_scans(cohort.scans), "validation"), cohort.manifest)
    assert rows["latent_path"].tolist() == manifest.loc[manifest["split"] == "validation", "latent_path"].tolist()


@pytest.mark.parametrize("center", ["voxel", "channel"])
def test_training_latents_are_normalised(encoded, center):
    manifest, statistics = encoded(center)
    normalizer = load_normalizer(statistics, manifest[manifest["split"] == "train"])
    read = normalized_reader(normalizer)
    z_0 = torch.stack([read(path) for path in manifest.loc[manifest["split"] == "train", "latent_path"]])
    axes = (0, 2, 3, 4)
    torch.testing.assert_close(z_0.mean(axes), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(z_0.square().mean(axes).sqrt(), torch.ones(2), atol=1e-4, rtol=0)
    if center == "voxel":
        torch.testing.assert_close(z_0.mean(0), torch.zeros(2, 8, 8, 4), atol=1e-4, rtol=0)
    else:
        assert normalizer.mean.flatten(1).unique(dim=1).shape == (2, 1)


@pytest.fixture
def load_encoded(encoded):
    def load(**changes):
        manifest, statistics = encoded(**changes)
        return load_normalizer(statistics, manifest[manifest["split"] == "train"])

    return load


def test_statistics_of_another_runs_latents_are_refused(encoded, autoencoder_config):
    manifest, _ = encoded()
    torch.manual_seed(9)
    other = build_autoencoder(autoencoder_config)
    save_weights(other, encoded.weights, {"config": {"autoencoder": autoencoder_config.model_dump()}})
    _, statistics = encoded(name="again")
    with pytest.raises(UserError, match="those of other latents"):
        load_normalizer(statistics, manifest[manifest["split"] == "train"])


def test_the_statistics_say_what_they_are_of(encoded, autoencoder_config):
    _, statistics = encoded("channel")
    sidecar = read_json(statistics.with_suffix(".json"))
    assert sidecar["config"]["latents"] == {"center": "channel"}
    assert sidecar["training_scans"] == 6
    assert sidecar["config"]["autoencoder"] == autoencoder_config.model_dump(mode="json")
    assert sidecar["parents"] == {"autoencoder": hash_file(encoded.weights)}
    assert sidecar["subjects"] == {"train": ["S0", "S1", "S2", "S3", "S4"]}


def test_statistics_ignore_all_but_training_subjects(load_encoded, cohort):
    first = load_encoded()
    scans = read_scans(cohort.scans)
    for path in scans.loc[scans["split"] != "train", "path"]:
        with open(path, "wb") as stream, open(scans["path"][0], "rb") as source:
            stream.write(source.read())
    hashed = read_table(cohort.scans).assign(image_sha256=lambda table: table["path"].map(hash_file))
    write_table(cohort.scans, hashed)
    second = load_encoded(name="again")
    assert torch.equal(first.mean, second.mean)
    assert torch.equal(first.std, second.std)


def test_the_autoencoder_of_another_configuration_is_refused(encoded, autoencoder_config):
    config = {"autoencoder": {**autoencoder_config.model_dump(), "kl_weight": 1.0}}
    save_weights(build_autoencoder(autoencoder_config), encoded.weights, {"config": config})
    with pytest.raises(UserError, match=r"autoencoder\.kl_weight"):
        encoded()


def test_constant_latents_are_refused():
    constant = Volumes(range(3), lambda i: torch.ones(2, 4, 4, 4))
    with pytest.raises(UserError, match="vary"):
        fit_normalizer(constant, LatentsConfig(center="voxel"))


def test_a_latent_of_another_autoencoder_is_refused(encoded):
    manifest, statistics = encoded()
    normalizer = load_normalizer(statistics, manifest[manifest["split"] == "train"])
    np.savez(manifest["latent_path"][0], data=np.zeros((3, 4, 4, 4), np.float32))
    with pytest.raises(UserError, match="run the rule latents again"):
        normalized_reader(normalizer)(manifest["latent_path"][0])


def test_latents_of_scans_that_left_are_removed(encoded, cohort):
    folder = cohort.manifest.parent
    stale, other = folder / "sub-GONE_ses-M000.npz", folder / "notes.txt"
    stale.touch(), other.touch()
    manifest, _ = encoded()
    assert not stale.exists()
    assert other.exists()
    assert {str(path) for path in folder.glob("*.npz")} == set(manifest["latent_path"])
