"""The paper preset: the published sizes, and a training step of each stage that runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ldae.config.load import load_config
from ldae.config.models import TrainingConfig
from ldae.data.volumes import Aligned, Volumes
from ldae.models.autoencoder import build_autoencoder
from ldae.models.denoiser import build_denoiser
from ldae.models.semantic_encoder import SemanticEncoder
from ldae.models.voxel_dae import VoxelDAE
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
    assert parameters(lambda: SemanticEncoder(CONFIG.encoder, grid)) == pytest.approx(53.6e6, rel=0.03)


def test_the_voxel_dae_has_the_published_grid_and_its_net_builds():
    assert CONFIG.dae.grid_shape == (112, 128, 112) and np.prod(CONFIG.dae.grid_shape) == 1_605_632
    assert not CONFIG.dae.center_images and CONFIG.dae.loss == CONFIG.dae.prediction == "epsilon"
    encoder = CONFIG.encoder
    alone = parameters(lambda: SemanticEncoder(encoder, CONFIG.dae.grid_shape))
    assert parameters(lambda: VoxelDAE(CONFIG.dae, encoder, CONFIG.diffusion)) > alone + 10e6


def test_the_tables_hold_the_published_numbers_of_steps():
    assert CONFIG.evaluation.reconstruction.steps == CONFIG.evaluation.comparison.steps == [10, 20, 50, 100]
    assert (CONFIG.sampling.solver, CONFIG.sampling.steps) == ("ddim", 100)


def one_step(training: TrainingConfig, device: str) -> TrainingConfig:
    """The preset's training cut to one step of one scan, in bf16 on a CPU."""
    changes = {"steps": 1, "validate_every_steps": 1, "batch_size": 1, "accumulate": 1}
    if device == "cpu":
        changes["precision"] = "bf16-mixed"
    return training.model_copy(update=changes)


def random_volumes(shape: tuple[int, ...]) -> Volumes:
    """Two random volumes."""
    generator = torch.Generator().manual_seed(0)
    volumes = [torch.rand(shape, generator=generator) for _ in range(2)]
    return Volumes(range(2), lambda i: volumes[i])


def take_one_step(stage, train, validation, training, folder) -> dict[str, float]:
    """Run `fit` for one step and give its history row."""
    places = {"state_dir": folder / "state", "history_path": folder / "history.csv"}
    try:
        return fit(stage, train, validation, training, seed=0, **places).best
    finally:
        shutil.rmtree(folder / "state")  # gigabytes


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here; 24 GiB of activations on a CPU")
def test_the_autoencoder_takes_a_step(tmp_path):
    scans = random_volumes((1, *CONFIG.preprocessing.grid_shape))
    training = one_step(CONFIG.autoencoder.training, "cuda")
    stage = AutoencoderStage(CONFIG.autoencoder.model_copy(update={"training": training}), None)
    row = take_one_step(stage, scans, scans, training, tmp_path)
    assert 0 < row["val_l1"] < 10 and row["train_adversarial"] > 0


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("device", DEVICES)
def test_the_denoiser_takes_a_step(device, tmp_path):
    latents, training = random_volumes(LATENT), one_step(CONFIG.ldm.training, device)
    row = take_one_step(LDMStage(CONFIG.ldm, CONFIG.diffusion, 3), latents, latents, training, tmp_path)
    assert 0 < row["val_loss"] < 2


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("device", DEVICES)
def test_the_representation_takes_a_step(device, tmp_path):
    latents, scans = random_volumes(LATENT), random_volumes((1, *CONFIG.preprocessing.grid_shape))
    training, denoiser = (
        one_step(CONFIG.representation.training, device),
        build_denoiser(CONFIG.ldm, CONFIG.diffusion, 3),
    )
    grid = CONFIG.preprocessing.grid_shape
    stage = RepresentationStage(CONFIG.representation, CONFIG.encoder, CONFIG.diffusion, denoiser, grid)
    row = take_one_step(stage, Aligned(scans, latents), Aligned(scans, latents, scans), training, tmp_path)
    assert row["val_loss_none"] == pytest.approx(row["val_loss"], rel=0.2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here; tens of GiB of activations on a CPU")
def test_the_voxel_dae_takes_a_step(tmp_path):
    images, training = random_volumes((1, *CONFIG.dae.grid_shape)), one_step(CONFIG.dae.training, "cuda")
    stage = DAEStage(CONFIG.dae, CONFIG.encoder, CONFIG.diffusion)
    row = take_one_step(stage, images, Aligned(images, images), training, tmp_path)
    assert 0 < row["val_loss"] < 2


@pytest.mark.usefixtures("all_threads")
@pytest.mark.parametrize("device", DEVICES)
def test_the_supervised_encoder_takes_a_step(device, tmp_path):
    grid, ages = CONFIG.preprocessing.grid_shape, [60.0, 80.0]
    pairs = Aligned(random_volumes((1, *grid)), Volumes(ages, torch.tensor))
    training = one_step(CONFIG.supervised.training, device)
    stage = SupervisedStage("age", CONFIG.supervised, CONFIG.encoder, grid, ages)
    assert 0 < take_one_step(stage, pairs, pairs, training, tmp_path)["val_loss"] < 5
