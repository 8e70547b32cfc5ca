"""Tiny nets."""

from __future__ import annotations

import pytest

from ldae.diffusion.schedule import Schedule
from ldae.models.denoiser import Denoiser
from ldae.models.semantic_encoder import SemanticEncoder


@pytest.fixture(scope="session")
def make_denoiser():
    def make(prediction: str, data_channels: int = 3) -> Denoiser:
        return Denoiser(
            Schedule(1000, 1e-4, 0.02),
            prediction=prediction,
            data_channels=data_channels,
            channels=[8, 16],
            residual_blocks=1,
            attention_levels=[False, True],
            head_channels=8,
            norm_groups=4,
        )

    return make


@pytest.fixture(params=["epsilon", "v"])
def denoiser(make_denoiser, request) -> Denoiser:
    return make_denoiser(request.param)


@pytest.fixture(scope="session")
def make_encoder():
    def make(grid, **changes) -> SemanticEncoder:
        return SemanticEncoder(
            grid, **{"semantic_dim": 16, "backbone": "convnext_pico", "attention_heads": 4, **changes}
        )

    return make
