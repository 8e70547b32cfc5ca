"""Properties of the sampler: an oracle recovers the data, encoding then decoding returns, the orders are as claimed."""

from __future__ import annotations

import pytest
import torch

from ldae.diffusion.samplers import make_levels, sample
from ldae.diffusion.schedule import Schedule


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(1000, 1e-4, 0.02)


def gaussian_eps(mean: torch.Tensor, variance: float):
    """The exact eps of data distributed as N(mean, variance)."""

    def eps(z_t: torch.Tensor, t: float, abar: float) -> torch.Tensor:
        total = abar * variance + 1 - abar
        return (1 - abar) ** 0.5 * (z_t - abar**0.5 * mean) / total

    return eps


@pytest.mark.parametrize("solver", ["ddim", "2m"])
@pytest.mark.parametrize("steps", [1, 3, 20, 100])
def test_levels_run_from_data_to_noise(schedule, solver, steps):
    levels = make_levels(schedule, steps, solver)
    assert levels.t.shape == levels.alphas_cumprod.shape == (steps + 1,)
    assert levels.t[0] == 0
    assert levels.t[-1] == pytest.approx(999)
    assert (levels.t.diff() > 0).all()
    assert (levels.alphas_cumprod.diff() < 0).all()
    assert levels.alphas_cumprod[0] == pytest.approx(schedule.alphas_cumprod[0].item())
    assert levels.alphas_cumprod[-1] == pytest.approx(schedule.alphas_cumprod[-1].item())


def test_2m_levels_are_uniform_in_log_snr_and_match_their_timesteps(schedule):
    levels = make_levels(schedule, 20, "2m")
    log_snr = torch.logit(levels.alphas_cumprod)
    assert torch.allclose(log_snr.diff(), log_snr.diff().mean().expand(20))
    table = torch.logit(schedule.alphas_cumprod)
    assert (table[levels.t.floor().long()] >= log_snr - 1e-9).all()
    assert (table[levels.t.ceil().long()] <= log_snr + 1e-9).all()


@pytest.mark.parametrize("steps", [0, 1000])
def test_impossible_numbers_of_steps_are_refused(schedule, steps):
    with pytest.raises(ValueError, match="steps must lie in"):
        make_levels(schedule, steps, "2m")


@pytest.mark.parametrize("solver", ["ddim", "2m"])
@pytest.mark.parametrize("steps", [1, 10, 50])
def test_an_oracle_for_one_point_recovers_it(schedule, solver, steps):
    generator = torch.Generator().manual_seed(0)
    z_0 = torch.randn(2, 3, 2, 2, 2, generator=generator, dtype=torch.float64)
    z_T = torch.randn(2, 3, 2, 2, 2, generator=generator, dtype=torch.float64)
    out = sample(gaussian_eps(z_0, 0.0), z_T, make_levels(schedule, steps, solver), direction="decode", solver=solver)
    levels = make_levels(schedule, steps, solver)
    eps = gaussian_eps(z_0, 0.0)(z_T, 999, levels.alphas_cumprod[-1].item())
    expected = levels.alphas_cumprod[0].sqrt() * z_0 + (1 - levels.alphas_cumprod[0]).sqrt() * eps
    assert torch.allclose(out, expected, atol=1e-9)


@pytest.mark.parametrize("variance", [0.3, 1.0, 4.0])
def test_encoding_a_gaussian_gives_unit_spread(schedule, variance):
    generator = torch.Generator().manual_seed(1)
    z_0 = variance**0.5 * torch.randn(64, 3, 4, 4, 4, generator=generator)
    z_T = sample(
        gaussian_eps(torch.zeros(()), variance),
        z_0,
        make_levels(schedule, 40, "2m"),
        direction="encode",
        solver="2m",
    )
    assert z_T.std() == pytest.approx(1.0, abs=0.02)


def _round_trip_error(schedule, solver, steps):
    generator = torch.Generator().manual_seed(2)
    z_0 = 0.7 * torch.randn(8, 3, 4, 4, 4, generator=generator, dtype=torch.float64) + 0.5
    eps, levels = gaussian_eps(torch.tensor(0.5, dtype=torch.float64), 0.1), make_levels(schedule, steps, solver)
    z_T = sample(eps, z_0, levels, direction="encode", solver=solver)
    back = sample(eps, z_T, levels, direction="decode", solver=solver)
    return ((back - z_0).norm() / z_0.norm()).item()


def test_encode_then_decode_returns(schedule):
    assert _round_trip_error(schedule, "2m", 20) < 0.02
    assert _round_trip_error(schedule, "ddim", 100) < 0.1


def test_2m_is_second_order_and_beats_ddim(schedule):
    errors = [_round_trip_error(schedule, "2m", steps) for steps in (20, 40, 80)]
    assert errors[0] / errors[1] > 3
    assert errors[1] / errors[2] > 3
    assert errors[0] < _round_trip_error(schedule, "ddim", 20)


def test_ddim_is_first_order(schedule):
    errors = [_round_trip_error(schedule, "ddim", steps) for steps in (100, 200, 400)]
    assert 1.6 < errors[0] / errors[1] < 2.6
    assert 1.6 < errors[1] / errors[2] < 2.6


@pytest.mark.parametrize("solver", ["ddim", "2m"])
@pytest.mark.parametrize("direction", ["encode", "decode"])
def test_eps_is_asked_at_every_level_but_the_last(schedule, solver, direction):
    levels, asked = make_levels(schedule, 7, solver), []

    def eps(z_t, t, abar):
        asked.append((t, abar))
        return torch.zeros_like(z_t)

    sample(eps, torch.ones(1, 1, 2, 2, 2), levels, direction=direction, solver=solver)
    grid = list(zip(levels.t.tolist(), levels.alphas_cumprod.tolist(), strict=True))
    assert asked == (grid[:-1] if direction == "encode" else grid[:0:-1])


def test_a_ddim_step_is_the_papers_formula(schedule):
    """Song et al. 2021, equation 12 with sigma 0: one step up and one down between the same two levels."""
    levels = make_levels(schedule, 1, "ddim")
    low, high = levels.alphas_cumprod.tolist()
    z, eps = torch.randn(2, 1, 2, 2, 2, dtype=torch.float64), torch.randn(2, 1, 2, 2, 2, dtype=torch.float64)
    for direction, start, end in (("encode", low, high), ("decode", high, low)):
        z_0 = (z - (1 - start) ** 0.5 * eps) / start**0.5
        expected = end**0.5 * z_0 + (1 - end) ** 0.5 * eps
        found = sample(lambda *args: eps, z, levels, direction=direction, solver="ddim")
        torch.testing.assert_close(found, expected)


def test_ddim_levels_are_uniform_in_time(schedule):
    levels = make_levels(schedule, 9, "ddim")
    assert levels.t.tolist() == [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]
    assert torch.equal(levels.alphas_cumprod, schedule.alphas_cumprod[levels.t.long()])


def test_large_latents_are_not_clipped(schedule):
    z_0 = torch.full((1, 3, 2, 2, 2), 7.0)
    out = sample(
        gaussian_eps(z_0, 0.0),
        torch.randn(1, 3, 2, 2, 2),
        make_levels(schedule, 10, "2m"),
        direction="decode",
        solver="2m",
    )
    assert torch.allclose(out, z_0, atol=0.1)
