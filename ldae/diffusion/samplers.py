"""One deterministic sampler for both directions: decoding (noise to data) and encoding (data to noise)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch

from ldae.diffusion.schedule import Schedule

Solver = Literal["2m", "ddim"]
Direction = Literal["encode", "decode"]
EpsFunction = Callable[[torch.Tensor, float, float], torch.Tensor]


class Levels(NamedTuple):
    """A grid of noise levels from data to noise: (possibly fractional) timesteps and abar, float64 (T + 1,)."""

    t: torch.Tensor
    alphas_cumprod: torch.Tensor


def make_levels(schedule: Schedule, steps: int, solver: Solver) -> Levels:
    """Levels from t = 0 to the last timestep: uniform in t for DDIM, uniform in log-SNR for 2M.

    A latent is taken to stand at t = 0, whose noise is 1 % of the latent's spread.
    """
    if not 1 <= steps < len(schedule):
        raise ValueError(f"steps must lie in 1..{len(schedule) - 1}, not {steps}")
    abar, log_snr = schedule.alphas_cumprod.cpu(), schedule.log_snr.cpu()
    if solver == "ddim":
        t = torch.linspace(0, len(schedule) - 1, steps + 1, dtype=torch.float64).round()
        return Levels(t, abar[t.long()])
    wanted = torch.linspace(log_snr[0].item(), log_snr[-1].item(), steps + 1, dtype=torch.float64)
    right = torch.searchsorted(-log_snr, -wanted).clamp(1, len(schedule) - 1)
    left = right - 1
    t = left + (log_snr[left] - wanted) / (log_snr[left] - log_snr[right])
    return Levels(t, torch.sigmoid(wanted))


def sample(
    eps_function: EpsFunction,
    z: torch.Tensor,
    levels: Levels,
    *,
    direction: Direction,
    solver: Solver,
) -> torch.Tensor:
    """Integrate the probability-flow ODE along `levels`.

    Parameters
    ----------
    eps_function : (z_t, t, abar_t) -> eps of the shape of z_t
    z : (B, C, D, H, W); z_T to decode, z_0 to encode
    levels : the grid, from data to noise
    direction : "decode" walks the grid backwards, "encode" forwards, with the same formulas
    solver : "ddim" (Song et al. 2021, equation 12) or "2m" (DPM-Solver++ 2M, Lu et al. 2022, algorithm 2)

    Returns
    -------
    z_0 or z_T. The predicted z_0 is not clipped: latents have no bounds.
    """
    order = range(len(levels.t)) if direction == "encode" else range(len(levels.t) - 1, -1, -1)
    t = [levels.t[i].item() for i in order]
    abar = torch.stack([levels.alphas_cumprod[i] for i in order])
    signal, noise = abar.sqrt().tolist(), (1 - abar).sqrt().tolist()
    half_log_snr = (0.5 * torch.logit(abar)).tolist()
    previous: torch.Tensor | None = None
    previous_h = 0.0
    for i in range(len(t) - 1):
        z_0 = (z - noise[i] * eps_function(z, t[i], abar[i].item())) / signal[i]
        h = half_log_snr[i + 1] - half_log_snr[i]
        target = z_0
        if solver == "2m" and previous is not None:
            target = z_0 + (z_0 - previous) * (h / (2 * previous_h))
        ratio = noise[i + 1] / noise[i]
        z = ratio * z + (signal[i + 1] - ratio * signal[i]) * target
        previous, previous_h = z_0, h
    return z
