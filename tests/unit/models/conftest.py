"""Tiny nets."""

from __future__ import annotations

import pytest

from ldae.config.load import Config, load_config
from ldae.models.denoiser import Denoiser, build_denoiser


@pytest.fixture(scope="session")
def config() -> Config:
    return load_config("config.yaml")


@pytest.fixture(params=["epsilon", "v"])
def denoiser(config, request) -> Denoiser:
    changes = {"channels": [8, 16], "residual_blocks": 1, "head_channels": 8, "norm_groups": 4}
    small = config.ldm.model_copy(update={**changes, "prediction": request.param})
    return build_denoiser(small, config.diffusion, 3)
