"""Between two codes: straight for y_sem and latents, on the arc for Gaussian noise."""

from __future__ import annotations

import torch


def lerp(first: torch.Tensor, second: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """(1 - t) first + t second for tensors (B, ...) and t (B,); t = 0 and 1 give the ends exactly."""
    t = t.to(first).view(-1, *[1] * (first.ndim - 1))
    return (1 - t) * first + t * second


def slerp(first: torch.Tensor, second: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Spherical interpolation (Shoemake 1985) of tensors (B, ...), each taken as one vector, at t (B,).

    Between two draws of N(0, I) it keeps the norm that such draws have, which `lerp` shrinks by a third midway. The
    ends are exact. Parallel and opposite vectors, between which no arc is defined, are interpolated by `lerp`.
    """
    a, b = first.flatten(1).double(), second.flatten(1).double()
    cosine = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    angle = torch.arccos(cosine.clamp(-1, 1))
    t = t.to(angle)
    defined = torch.sin(angle) > 1e-6  # false for NaN, the angle of a zero vector
    sine = torch.where(defined, torch.sin(angle), 1)
    of_first = torch.where(defined, torch.sin((1 - t) * angle) / sine, 1 - t)
    of_second = torch.where(defined, torch.sin(t * angle) / sine, t)
    return (of_first[:, None] * a + of_second[:, None] * b).to(first.dtype).view_as(first)
