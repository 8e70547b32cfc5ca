"""The schedule against DDPM's own numbers and against MONAI's."""

from __future__ import annotations

import pytest
import torch
from monai.networks.schedulers import DDPMScheduler

from ldae.diffusion.schedule import Schedule


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(1000, 1e-4, 0.02)


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


def test_signal_and_noise_are_the_roots_of_abar_and_its_complement(schedule):
    t = torch.tensor([0, 400, 999])
    abar = schedule.alphas_cumprod[t].float().view(-1, 1, 1, 1, 1)
    signal, noise = schedule.signal_and_noise(t)
    torch.testing.assert_close(signal, abar.sqrt())
    torch.testing.assert_close(noise, (1 - abar).sqrt())
    assert signal.dtype == noise.dtype == torch.float32


def test_betas_run_from_start_to_end():
    short = Schedule(3, 0.1, 0.5)
    torch.testing.assert_close(
        short.alphas_cumprod, torch.tensor([0.9, 0.9 * 0.7, 0.9 * 0.7 * 0.5], dtype=torch.float64)
    )
    assert len(short) == 3
    assert not short.state_dict()
