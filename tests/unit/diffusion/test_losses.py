"""The losses: their minimum, their equality at step 0, their randomness."""

from __future__ import annotations

import torch

from ldae.config.models import DiffusionConfig, LDMConfig, TrainingConfig
from ldae.diffusion.losses import draw_noise, noise_loss, posterior_gap_loss
from ldae.diffusion.schedule import Schedule
from ldae.models.denoiser import build_denoiser
from ldae.models.gradient_estimator import GradientEstimator

DIFFUSION = DiffusionConfig(timesteps=1000, beta_start=1e-4, beta_end=0.02)
SCHEDULE = Schedule(DIFFUSION)


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
    assert torch.allclose(noise_loss(Oracle(eps, 2.0), SCHEDULE, z_0, t, eps), torch.full((4,), 4.0))


def test_the_gap_loss_is_zero_where_the_estimator_closes_the_gap():
    z_0 = torch.randn(4, 3, 2, 2, 2)
    t, eps = draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(0))
    offset = torch.randn(4, 3, 2, 2, 2)
    noise = (1 - SCHEDULE.alphas_cumprod[t]).sqrt().float().view(-1, 1, 1, 1, 1)
    closing = lambda features, y_sem: offset / noise  # noqa: E731
    loss = posterior_gap_loss(Oracle(eps, offset), closing, SCHEDULE, z_0, torch.zeros(4, 1), t, eps, 0.1)
    assert loss.abs().max() < 1e-10


def test_at_step_zero_the_gap_loss_is_the_weighted_unconditional_loss():
    torch.manual_seed(0)
    training = TrainingConfig(
        steps=1, batch_size=1, accumulate=1, validate_every_steps=1, patience=1, precision="32-true",
        gradient_clip=0, ema_decay=0, warmup_steps=0, cooldown_fraction=0,
    )  # fmt: skip
    config = LDMConfig(
        prediction="v", channels=[8, 16], residual_blocks=1, attention_levels=[False, True], head_channels=8,
        norm_groups=4, learning_rate=1, training=training,
    )  # fmt: skip
    denoiser = build_denoiser(config, DIFFUSION, 3)
    z_0 = torch.randn(3, 3, 4, 4, 4)
    t, eps = draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(0))
    gap = posterior_gap_loss(denoiser, GradientEstimator(denoiser, 5), SCHEDULE, z_0, torch.randn(3, 5), t, eps, 0.1)
    plain = noise_loss(denoiser, SCHEDULE, z_0, t, eps)
    assert torch.allclose(gap, SCHEDULE.gap_weight(t, 0.1) * plain, rtol=1e-5)


def test_noise_depends_on_the_generator_alone_and_covers_all_levels():
    z_0 = torch.zeros(10, 1, 2, 2, 2)
    first = draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(3))
    torch.rand(5)
    second = draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(3))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert sorted((first[0] // 100).tolist()) == list(range(10))
    many = torch.cat([draw_noise(SCHEDULE, z_0, torch.Generator().manual_seed(seed))[0] for seed in range(300)])
    assert abs(many.float().mean() - 499.5) < 5 and many.min() >= 0 and many.max() <= 999
