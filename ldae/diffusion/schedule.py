"""The linear noise schedule of DDPM (Ho et al. 2020), with every coefficient kept in float64."""

from __future__ import annotations

import torch
from torch import nn


class Schedule(nn.Module):
    """alphas_cumprod of ``timesteps`` levels; z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps.

    Between two timesteps the log-SNR, log(abar_t / (1 - abar_t)), is linear.

    Parameters
    ----------
    timesteps : int
        Number of noise levels.
    beta_start, beta_end : float
        Variance that the first and the last step add; the others lie on a line between them.
    """

    alphas_cumprod: torch.Tensor
    log_snr: torch.Tensor

    def __init__(self, timesteps: int, beta_start: float, beta_end: float) -> None:
        super().__init__()
        betas = torch.linspace(beta_start, beta_end, timesteps, dtype=torch.float64)
        alphas_cumprod = torch.cumprod(1 - betas, 0)
        self.register_buffer("alphas_cumprod", alphas_cumprod, persistent=False)
        self.register_buffer("log_snr", torch.logit(alphas_cumprod), persistent=False)

    def __len__(self) -> int:
        return len(self.alphas_cumprod)

    def log_snr_at(self, t: torch.Tensor) -> torch.Tensor:
        """Log-SNR (B,) at whole or fractional timesteps t (B,) in 0..timesteps - 1."""
        below = t.long().clamp(max=len(self) - 2)
        return torch.lerp(self.log_snr[below], self.log_snr[below + 1], (t - below).to(self.log_snr.dtype))

    def signal_and_noise(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """sqrt(abar_t) and sqrt(1 - abar_t), float32 of (B, 1, 1, 1, 1), for timesteps t (B,)."""
        log_snr = self.log_snr_at(t).view(-1, 1, 1, 1, 1)
        return torch.sigmoid(log_snr).sqrt().float(), torch.sigmoid(-log_snr).sqrt().float()

    def add_noise(self, z_0: torch.Tensor, eps: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """z_t of the shape of z_0 (B, C, D, H, W)."""
        signal, noise = self.signal_and_noise(t)
        return signal * z_0 + noise * eps

    def gap_weight(self, t: torch.Tensor, exponent: float) -> torch.Tensor:
        """w_t = SNR_t^exponent / (1 + SNR_t), float32 (B,) (PDAE, section 3.4, where the exponent is 0.1)."""
        log_snr = self.log_snr_at(t)
        return (torch.exp(exponent * log_snr) * torch.sigmoid(-log_snr)).float()
