"""The schedule against DDPM's own numbers and against MONAI's."""

from __future__ import annotations

import pytest
import torch
from monai.networks.schedulers import DDPMScheduler

from ldae.config.models import DiffusionConfig
from ldae.diffusion.schedule import Schedule


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(DiffusionConfig(timesteps=1000, beta_start=1e-4, beta_end=0.02))


def test_agrees_with_monai(schedule):
    theirs = DDPMScheduler(num_train_timesteps=1000, schedule="linear_beta", beta_start=1e-4, beta_end=0.02)
    assert torch.allclose(schedule.alphas_cumprod.float(), theirs.alphas_cumprod, rtol=1e-3)
    z_0, eps, t = torch.randn(4, 3, 2, 2, 2), torch.randn(4, 3, 2, 2, 2), torch.tensor([0, 10, 500, 999])
    assert torch.allclose(schedule.add_noise(z_0, eps, t), theirs.add_noise(z_0, eps, t), atol=1e-3)


def test_noise_keeps_unit_variance(schedule):
    generator = torch.Generator().manual_seed(0)
    z_0, eps = (torch.randn(4000, 1, 1, 1, 1, generator=generator) for _ in range(2))
    for t in (0, 300, 999):
        z_t = schedule.add_noise(z_0, eps, torch.full((4000,), t))
        assert z_t.var() == pytest.approx(1, abs=0.1)


def test_gap_weight_is_the_formula(schedule):
    t = torch.tensor([1, 500, 999])
    snr = schedule.alphas_cumprod[t] / (1 - schedule.alphas_cumprod[t])
    for exponent in (0.1, -1.0):
        expected = snr**exponent / (1 + snr)
        assert torch.allclose(schedule.gap_weight(t, exponent).double(), expected, rtol=1e-5)


def test_fractional_timesteps_interpolate_the_log_snr(schedule):
    t = torch.tensor([10.0, 10.5, 11.0, 999.0])
    log_snr = schedule.log_snr_at(t)
    assert torch.equal(log_snr[[0, 2, 3]], schedule.log_snr[[10, 11, 999]])
    assert log_snr[1] == pytest.approx((log_snr[0] + log_snr[2]).item() / 2)
