"""The training losses of the two diffusion stages; each returns one value per scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

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


class Gap(NamedTuple):
    """What a frozen denoiser leaves of the noise, for one or several corrections to close.

    Attributes
    ----------
    features
        What the denoiser's down path gives at z_t, for an estimator.
    residual : Tensor, of the shape of z_t
        eps - eps_theta(z_t, t).
    t : Tensor (B,)
        Timesteps.
    """

    features: Any
    residual: torch.Tensor
    t: torch.Tensor


@torch.no_grad()
def leave_gap(denoiser: Halves, schedule: Schedule, z_0: torch.Tensor, t: torch.Tensor, eps: torch.Tensor) -> Gap:
    """The gap at timesteps t (B,) and noises eps of the shape of z_0; no gradient reaches the denoiser."""
    features = denoiser.encode(schedule.add_noise(z_0, eps, t), t)
    return Gap(features, eps - denoiser.decode(features).float(), t)


def posterior_gap_loss(gap: Gap, correction: torch.Tensor, schedule: Schedule, snr_exponent: float) -> torch.Tensor:
    """w_t || eps - eps_theta(z_t, t) + sqrt(1 - abar_t) G_psi(z_t, t, y_sem) ||^2, one mean per scan (B,).

    PDAE, equation 14; `correction` is G_psi(z_t, t, y_sem), made of ``gap.features``, or 0.
    """
    _, noise = schedule.signal_and_noise(gap.t)
    left = gap.residual + noise * correction.float()
    return schedule.gap_weight(gap.t, snr_exponent) * left.square().flatten(1).mean(1)
