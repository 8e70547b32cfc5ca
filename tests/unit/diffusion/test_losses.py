"""The losses: their minimum, their equality at step 0, their randomness."""

from __future__ import annotations

import torch

from ldae.diffusion.losses import draw_noise, leave_gap, noise_loss, posterior_gap_loss
from ldae.diffusion.schedule import Schedule
from ldae.models.denoiser import Denoiser
from ldae.models.gradient_estimator import GradientEstimator

SCHEDULE = Schedule(1000, 1e-4, 0.02)


class Oracle(torch.nn.Module):
    """Knows eps: `forward` for the unconditional loss, `encode` and `decode` for the gap loss."""

    def __init__(self, eps: torch.Tensor, offset: torch.Tensor | float = 0.0) -> None:
        super().__init__()
        self.eps, self.offset = eps, offset

    def forward(self, z_t, t):
        return self.eps + self.offset

    encode = forward

    def decode(self, features):
        return features


def test_noise_loss_of_an_oracle_is_zero():
    z_0 = torch.randn(4, 3, 2, 2, 2)
    t, eps = draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(0))
    assert noise_loss(Oracle(eps), SCHEDULE, z_0, t, eps).abs().max() == 0
    offsets = torch.tensor([0.0, 1.0, 2.0, 3.0])
    off = noise_loss(Oracle(eps, offsets.view(4, 1, 1, 1, 1)), SCHEDULE, z_0, t, eps)
    assert torch.allclose(off, offsets.square(), atol=1e-5)


def test_noise_loss_shows_the_denoiser_the_noised_latent_at_its_timestep():
    z_0, eps, t = torch.randn(2, 1, 2, 2, 2), torch.randn(2, 1, 2, 2, 2), torch.tensor([3, 700])
    seen = []
    noise_loss(lambda z_t, at: seen.append((z_t, at)) or z_t, SCHEDULE, z_0, t, eps)
    assert torch.equal(seen[0][0], SCHEDULE.add_noise(z_0, eps, t))
    assert torch.equal(seen[0][1], t)


def test_the_gap_is_what_the_denoiser_leaves_of_the_noise():
    z_0, eps, t = torch.randn(2, 1, 2, 2, 2), torch.randn(2, 1, 2, 2, 2), torch.tensor([3, 700])
    seen = []

    class Spy(Oracle):
        def encode(self, z_t, at):
            seen.append((z_t, at))
            return z_t + 1

        def decode(self, features):
            return 2 * features

    gap = leave_gap(Spy(eps), SCHEDULE, z_0, t, eps)
    z_t = SCHEDULE.add_noise(z_0, eps, t)
    assert torch.equal(seen[0][0], z_t) and torch.equal(seen[0][1], t)
    assert torch.equal(gap.features, z_t + 1)
    assert torch.equal(gap.residual, eps - 2 * (z_t + 1))


def test_the_gap_loss_is_zero_where_the_correction_closes_the_gap():
    z_0 = torch.randn(4, 3, 2, 2, 2)
    t, eps = draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(0))
    offset = torch.randn(4, 3, 2, 2, 2)
    noise = (1 - SCHEDULE.alphas_cumprod[t]).sqrt().float().view(-1, 1, 1, 1, 1)
    gap = leave_gap(Oracle(eps, offset), SCHEDULE, z_0, t, eps)
    assert posterior_gap_loss(gap, offset / noise, SCHEDULE, 0.1).abs().max() < 1e-10
    opening = posterior_gap_loss(gap, -offset / noise, SCHEDULE, 0.1)
    expected = SCHEDULE.gap_weight(t, 0.1) * (2 * offset).square().flatten(1).mean(1)
    torch.testing.assert_close(opening, expected)


def test_the_gap_loss_trains_the_estimator_and_not_the_denoiser():
    denoiser = Oracle(torch.ones(2, 1, 2, 2, 2), torch.nn.Parameter(torch.ones(())))
    gradient = torch.nn.Parameter(torch.zeros(()))
    z_0, t, eps = torch.randn(2, 1, 2, 2, 2), torch.tensor([3, 700]), torch.randn(2, 1, 2, 2, 2)
    gap = leave_gap(denoiser, SCHEDULE, z_0, t, eps)
    posterior_gap_loss(gap, gradient.expand(2, 1, 2, 2, 2), SCHEDULE, 0.1).mean().backward()
    assert gradient.grad != 0
    assert denoiser.offset.grad is None


def test_at_step_zero_the_gap_loss_is_the_weighted_unconditional_loss():
    torch.manual_seed(0)
    denoiser = Denoiser(
        SCHEDULE, prediction="v", data_channels=3, channels=[8, 16], residual_blocks=1,
        attention_levels=[False, True], head_channels=8, norm_groups=4,
    )  # fmt: skip
    z_0 = torch.randn(3, 3, 4, 4, 4)
    t, eps = draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(0))
    gap = leave_gap(denoiser, SCHEDULE, z_0, t, eps)
    correction = GradientEstimator(denoiser, 5)(gap.features, torch.randn(3, 5))
    loss = posterior_gap_loss(gap, correction, SCHEDULE, 0.1)
    plain = noise_loss(denoiser, SCHEDULE, z_0, t, eps)
    assert torch.allclose(loss, SCHEDULE.gap_weight(t, 0.1) * plain, rtol=1e-5)


def test_noise_depends_on_the_generator_alone_and_covers_all_levels():
    z_0 = torch.zeros(10, 1, 2, 2, 2)
    first = draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(3))
    torch.rand(5)
    second = draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(3))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    strata = (first[0] // 100).tolist()
    assert sorted(strata) == list(range(10))
    assert strata != sorted(strata)
    many = torch.cat([draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(seed))[0] for seed in range(300)])
    assert abs(many.float().mean() - 499.5) < 5
    assert many.min() >= 0
    assert many.max() <= 999
