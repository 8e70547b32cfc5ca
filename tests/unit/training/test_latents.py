"""Latents are posterior means, and their statistics come from training subjects alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ldae.config.models import LatentsConfig
from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import Volumes, read_latent, read_volume
from ldae.errors import UserError
from ldae.files import read_table
from ldae.models.autoencoder import build_autoencoder
from ldae.models.weights import load_weights, save_weights
from ldae.training.latents import encode_latents, fit_normalizer, load_normalizer, normalized_reader


@pytest.fixture
def encoded(dataset, autoencoder_config, tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / "autoencoder.safetensors"
    save_weights(build_autoencoder(autoencoder_config), weights, {})

    def encode(center="voxel", name="latent_statistics"):
        statistics = tmp_path / f"{name}.safetensors"
        places = {"manifest": tmp_path / f"{name}.csv", "statistics": statistics}
        encode_latents(dataset, weights, autoencoder_config, LatentsConfig(center=center), **places)
        return read_scans(dataset), statistics, read_table(places["manifest"])

    encode.weights = weights
    return encode


def test_latents_are_the_posterior_mean(encoded, autoencoder_config):
    table, _, manifest = encoded()
    autoencoder = build_autoencoder(autoencoder_config).eval()
    load_weights(autoencoder, encoded.weights)
    assert list(manifest["latent_path"]) == list(table["latent_path"])
    for path, latent_path in zip(table["path"][:3], table["latent_path"][:3], strict=True):
        with torch.no_grad():
            z_mu = autoencoder.encode(read_volume(path)[None])[0][0]
        torch.testing.assert_close(read_latent(latent_path), z_mu)
        assert np.load(latent_path)["data"].dtype == np.float32


@pytest.mark.parametrize("center", ["voxel", "channel"])
def test_training_latents_are_normalised(encoded, center):
    table, statistics, _ = encoded(center)
    read = normalized_reader(load_normalizer(statistics))
    z_0 = torch.stack([read(path) for path in fitting_rows(table, "train")["latent_path"]])
    axes = (0, 2, 3, 4)
    torch.testing.assert_close(z_0.mean(axes), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(z_0.square().mean(axes).sqrt(), torch.ones(2), atol=1e-4, rtol=0)
    if center == "voxel":
        torch.testing.assert_close(z_0.mean(0), torch.zeros(2, 8, 8, 4), atol=1e-4, rtol=0)


def test_statistics_ignore_all_but_training_subjects(encoded, dataset):
    table, first, _ = encoded()
    for _, row in table[table["split"] != "train"].iterrows():
        donor = table["path"][0]
        with open(row["path"], "wb") as stream, open(donor, "rb") as source:
            stream.write(source.read())
    _, second, _ = encoded(name="again")
    assert torch.equal(load_normalizer(first).mean, load_normalizer(second).mean)
    assert torch.equal(load_normalizer(first).std, load_normalizer(second).std)


def test_the_autoencoder_of_another_configuration_is_refused(encoded, dataset, autoencoder_config, tmp_path):
    config = {"autoencoder": {**autoencoder_config.model_dump(), "kl_weight": 1.0}}
    save_weights(build_autoencoder(autoencoder_config), encoded.weights, {"config": config})
    with pytest.raises(UserError, match=r"autoencoder\.kl_weight"):
        encoded()


def test_constant_latents_are_refused():
    constant = Volumes(range(3), lambda i: torch.ones(2, 4, 4, 4))
    with pytest.raises(UserError, match="vary"):
        fit_normalizer(constant, LatentsConfig(center="voxel"))


def test_a_latent_of_another_autoencoder_is_refused(encoded):
    table, statistics, _ = encoded()
    np.savez(table["latent_path"][0], data=np.zeros((3, 4, 4, 4), np.float32))
    with pytest.raises(UserError, match="run the rule latents again"):
        normalized_reader(load_normalizer(statistics))(table["latent_path"][0])


def test_latents_of_scans_that_left_are_removed(encoded):
    table, _, _ = encoded()
    folder = Path(table["latent_path"].iloc[0]).parent
    stale, other = folder / "sub-GONE_ses-M000.npz", folder / "notes.txt"
    stale.touch(), other.touch()
    encoded()
    assert not stale.exists() and other.exists()
    assert all(Path(path).is_file() for path in table["latent_path"])
