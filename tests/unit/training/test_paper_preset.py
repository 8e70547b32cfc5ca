"""The paper preset: the published sizes, and a training step of each stage that runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ldae.config.load import load_config
from ldae.data.volumes import Aligned, Volumes
from ldae.networks.autoencoder import build_autoencoder
from ldae.networks.dae import build_voxel_dae
from ldae.networks.diffusion import build_denoiser
from ldae.networks.encoder import build_semantic_encoder
from ldae.training.autoencoder import AutoencoderStage
from ldae.training.dae import DAEStage
from ldae.training.fit import fit
from ldae.training.ldm import LDMStage
from ldae.training.representation import RepresentationStage
from ldae.training.supervised import SupervisedStage

ROOT = Path(__file__).resolve().parents[3]
CONFIG = load_config(ROOT / "config.yaml", ROOT / "presets" / "paper.yaml")
LATENT = (3, 16, 20, 16)
DEVICES = [
    pytest.param("cpu", marks=pytest.mark.slow),
    pytest.param(
        "cuda",
        marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")],
    ),
]


@pytest.fixture
def all_threads():
    """These nets are not tiny: lift the one-thread rule of the unit tests."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count())
    yield
    torch.set_num_threads(before)


def parameters(build) -> int:
    """Number of parameters of the net that `build` makes, without making room for them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build().parameters())


def test_the_nets_have_the_published_sizes():
    grid = CONFIG.preprocessing.grid_shape
    assert parameters(lambda: build_autoencoder(CONFIG.autoencoder)) == pytest.approx(13.8e6, rel=0.01)
    assert parameters(lambda: build_denoiser(CONFIG.ldm, CONFIG.diffusion, 3)) == pytest.approx(475e6, rel=0.01)
    assert parameters(lambda: build_semantic_encoder(CONFIG.encoder, grid)) == pytest.approx(53.6e6, rel=0.03)


def test_the_voxel_dae_has_the_published_grid_and_its_net_builds():
    assert CONFIG.dae.grid_shape == (112, 128, 112)
    assert np.prod(CONFIG.dae.grid_shape) == 1_605_632
    assert not CONFIG.dae.center_images
    assert CONFIG.dae.loss == CONFIG.dae.prediction == "epsilon"
    encoder = CONFIG.encoder
    alone = parameters(lambda: build_semantic_encoder(encoder, CONFIG.dae.grid_shape))
    assert parameters(lambda: build_voxel_dae(CONFIG.dae, encoder, CONFIG.diffusion)) > alone + 10e6


def test_the_tables_hold_the_published_numbers_of_steps():
    assert CONFIG.evaluation.reconstruction.steps == CONFIG.evaluation.comparison.steps == [10, 20, 50, 100]
    assert (CONFIG.sampling.solver, CONFIG.sampling.steps) == ("ddim", 100)


def one_step(section, device: str):
    """A section of the preset, its training cut to one step of one scan; on a CPU in bf16, activations not kept."""
    changes = {"steps": 1, "validate_every_steps": 1, "batch_size": 1, "accumulate": 1}
    if device == "cpu":
        changes |= {"precision": "bf16-mixed", "activation_checkpointing": True}
    return section.model_copy(update={"training": section.training.model_copy(update=changes)})


def random_volumes(shape: tuple[int, ...]) -> Volumes:
    """Two random volumes."""
    generator = torch.Generator().manual_seed(0)
    volumes = [torch.rand(shape, generator=generator) for _ in range(2)]
    return Volumes(range(2), lambda i: volumes[i])


def take_one_step(stage, train, validation, folder) -> dict[str, float]:
    """Run `fit` for one step and give its history row."""
    try:
        return fit(stage, train, validation, seed=0, state_dir=folder / "state", history_path=folder / "h.csv").best
    finally:
        shutil.rmtree(folder / "state")  # gigabytes


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("device", DEVICES)
def test_the_autoencoder_takes_a_step(device, tmp_path):
    scans = random_volumes((1, *CONFIG.preprocessing.grid_shape))
    row = take_one_step(AutoencoderStage(one_step(CONFIG.autoencoder, device), None), scans, scans, tmp_path)
    assert 0 < row["val_l1"] < 10
    assert row["train_adversarial"] > 0


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("device", DEVICES)
def test_the_denoiser_takes_a_step(device, tmp_path):
    latents = random_volumes(LATENT)
    stage = LDMStage(one_step(CONFIG.ldm, device), CONFIG.diffusion, 3)
    assert 0 < take_one_step(stage, latents, latents, tmp_path)["val_loss"] < 2


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("device", DEVICES)
def test_the_representation_takes_a_step(device, tmp_path):
    grid = CONFIG.preprocessing.grid_shape
    latents, scans = random_volumes(LATENT), random_volumes((1, *grid))
    config, denoiser = one_step(CONFIG.representation, device), build_denoiser(CONFIG.ldm, CONFIG.diffusion, 3)
    stage = RepresentationStage(config, CONFIG.encoder, CONFIG.diffusion, denoiser, grid)
    row = take_one_step(stage, Aligned(scans, latents), Aligned(scans, latents, scans), tmp_path)
    assert row["val_loss_none"] == pytest.approx(row["val_loss"], rel=0.2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here; tens of GiB of activations on a CPU")
def test_the_voxel_dae_takes_a_step(tmp_path):
    images = random_volumes((1, *CONFIG.dae.grid_shape))
    stage = DAEStage(one_step(CONFIG.dae, "cuda"), CONFIG.encoder, CONFIG.diffusion)
    assert 0 < take_one_step(stage, images, Aligned(images, images), tmp_path)["val_loss"] < 2


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("device", DEVICES)
def test_the_supervised_encoder_takes_a_step(device, tmp_path):
    grid, ages = CONFIG.preprocessing.grid_shape, [60.0, 80.0]
    pairs = Aligned(random_volumes((1, *grid)), Volumes(ages, torch.tensor))
    stage = SupervisedStage("age", one_step(CONFIG.supervised, device), CONFIG.encoder, grid, ages)
    assert 0 < take_one_step(stage, pairs, pairs, tmp_path)["val_loss"] < 5
