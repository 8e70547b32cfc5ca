"""The training losses of the two diffusion stages; each returns one value per scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch

from ldae.diffusion.schedule import Schedule


class Halves(Protocol):
    """A denoiser whose down path can be run alone; eps_theta(z_t, t) is ``decode(encode(z_t, t))``."""

    def encode(self, z_t: torch.Tensor, timesteps: torch.Tensor) -> Any:
        """What the down path gives."""

    def decode(self, features: Any) -> torch.Tensor:
        """eps of the shape of z_t."""


def draw_noise(schedule: Schedule, z_0: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Timesteps (B,) and eps of the shape of z_0.

    The timesteps are uniform over the schedule and stratified over the batch: scan i of B draws from the i-th of B
    equal parts, in random order, which leaves the expectation of any loss as it is and lowers its variance.
    """
    n = len(z_0)
    device = z_0.device
    place = torch.randperm(n, generator=generator, device=device)
    t = (place + torch.rand(n, generator=generator, device=device)) / n * len(schedule)
    eps = torch.randn(z_0.shape, generator=generator, device=device, dtype=z_0.dtype)
    return t.long().clamp(max=len(schedule) - 1), eps


def noise_loss(
    denoiser: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    schedule: Schedule,
    z_0: torch.Tensor,
    t: torch.Tensor,
    eps: torch.Tensor,
) -> torch.Tensor:
    """Mean squared error of eps_theta(z_t, t) (DDPM, equation 14), one value per scan (B,)."""
    predicted = denoiser(schedule.add_noise(z_0, eps, t), t)
    return (predicted.float() - eps).square().flatten(1).mean(1)


def posterior_gap_loss(
    denoiser: Halves,
    estimator: Callable[[Any, torch.Tensor], torch.Tensor],
    schedule: Schedule,
    z_0: torch.Tensor,
    y_sem: torch.Tensor,
    t: torch.Tensor,
    eps: torch.Tensor,
    snr_exponent: float,
) -> torch.Tensor:
    """w_t || eps - eps_theta(z_t, t) + sqrt(1 - abar_t) G_psi(z_t, t, y_sem) ||^2, one mean per scan (B,).

    PDAE, equation 14. `denoiser` and `estimator` work as ``Denoiser`` and ``GradientEstimator`` in ``ldae.models``. No
    gradient reaches the frozen denoiser.
    """
    with torch.no_grad():
        features = denoiser.encode(schedule.add_noise(z_0, eps, t), t)
        unconditional = denoiser.decode(features).float()
    _, noise = schedule.signal_and_noise(t)
    gap = eps - unconditional + noise * estimator(features, y_sem).float()
    return schedule.gap_weight(t, snr_exponent) * gap.square().flatten(1).mean(1)
