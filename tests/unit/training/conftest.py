"""Tiny nets and a tiny cohort of ten subjects."""

from __future__ import annotations

import logging

import pytest
import torch

from ldae.config.models import (
    AutoencoderConfig,
    DAEConfig,
    DiffusionConfig,
    EncoderConfig,
    LDMConfig,
    RepresentationConfig,
    SupervisedConfig,
)
from ldae.config.training import TrainingConfig
from ldae.data.volumes import Volumes
from ldae.training.fit import fit
from ldae.training.state import TrainingJob
from tests.unit.tiny_cohort import TinyCohort
from tests.unit.training.line import POINTS


@pytest.fixture(autouse=True)
def one_quiet_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def make_training():
    def make(**changes) -> TrainingConfig:
        values = {
            "steps": 6,
            "batch_size": 2,
            "accumulate": 1,
            "validate_every_steps": 2,
            "patience": 9,
            "warmup_steps": min(2, changes.get("steps", 6) - 1),
            "cooldown_fraction": 0.0,
        }
        values |= {"precision": "32-true", "gradient_clip": 1.0, "ema_decay": 0.9}
        return TrainingConfig(**{**values, **changes})

    return make


@pytest.fixture
def autoencoder_config(make_training) -> AutoencoderConfig:
    return AutoencoderConfig(
        channels=[4, 8],
        latent_channels=2,
        residual_blocks=1,
        norm_groups=2,
        initial_log_variance=0.0,
        init_from=None,
        kl_weight=1e-7,
        perceptual_weight=0.0,
        perceptual_slice_fraction=0.5,
        perceptual_weights=None,
        adversarial_weight=0.1,
        adversarial_start_step=2,
        discriminator_channels=4,
        discriminator_layers=1,
        learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        training=make_training(ema_decay=0.0),
    )


@pytest.fixture
def ldm_config(make_training) -> LDMConfig:
    return LDMConfig(
        init_from=None,
        prediction="epsilon",
        channels=[4, 8],
        residual_blocks=1,
        attention_levels=[False, True],
        head_channels=4,
        norm_groups=2,
        learning_rate=1e-3,
        training=make_training(),
    )


@pytest.fixture
def encoder_config() -> EncoderConfig:
    return EncoderConfig(
        semantic_dim=8, backbone="convnext_pico", backbone_weights=None, attention_heads=2, center_input=True
    )


@pytest.fixture
def representation_config(make_training) -> RepresentationConfig:
    return RepresentationConfig(init_from=None, snr_exponent=0.1, learning_rate=1e-3, training=make_training())


@pytest.fixture
def dae_config(make_training) -> DAEConfig:
    return DAEConfig(
        grid_shape=(16, 16, 4),
        center_images=True,
        loss="v",
        prediction="v",
        channels=[4, 8],
        residual_blocks=1,
        attention_levels=[False, True],
        head_channels=4,
        norm_groups=2,
        learning_rate=1e-3,
        training=make_training(),
    )


@pytest.fixture
def supervised_config(make_training) -> SupervisedConfig:
    return SupervisedConfig(learning_rate_ad_cn=2e-3, learning_rate_age=1e-3, training=make_training())


@pytest.fixture
def diffusion() -> DiffusionConfig:
    return DiffusionConfig(timesteps=50, beta_start=1e-3, beta_end=0.2)


@pytest.fixture
def cohort(tmp_path) -> TinyCohort:
    return TinyCohort(tmp_path)


@pytest.fixture
def make_job(tmp_path):
    def make(name: str, seed: int = 3, code: str = "abc") -> TrainingJob:
        return TrainingJob(
            seed=seed,
            output=tmp_path / f"{name}.safetensors",
            history=tmp_path / f"{name}.csv",
            checkpoint_dir=tmp_path / "checkpoints" / name,
            code=code,
        )

    return make


@pytest.fixture
def fit_line(tmp_path):
    def run(stage, name="line"):
        points = Volumes(range(12), lambda i: POINTS[i])
        places = {"state_dir": tmp_path / name / "state", "history_path": tmp_path / f"{name}.csv"}
        return fit(stage, points, points, seed=0, **places)

    return run


class KilledError(Exception):
    """Stands for the end of the process: nothing of Lightning's survives it but the files."""


@pytest.fixture
def kill():
    """Let a stage's training end before a step, as a killed process would."""

    def arm(stage, step):
        whole = stage.training_step

        def training_step(batch, batch_idx):
            if stage.step == step:
                raise KilledError
            return whole(batch, batch_idx)

        stage.training_step = training_step
        return pytest.raises(KilledError)

    return arm
