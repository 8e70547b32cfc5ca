"""Tiny nets."""

from __future__ import annotations

import pytest

from ldae.config import Config, load_config
from ldae.models.denoiser import Denoiser, build_denoiser


@pytest.fixture(scope="session")
def config() -> Config:
    return load_config("config.yaml")


@pytest.fixture
def denoiser(config) -> Denoiser:
    small = config.ldm.model_copy(
        update={"channels": [8, 16], "residual_blocks": 1, "head_channels": 8, "norm_groups": 4}
    )
    return build_denoiser(small, config.diffusion, 3)
