"""The linear noise schedule of DDPM (Ho et al. 2020), with every coefficient kept in float64."""

from __future__ import annotations

import torch
from torch import nn

from ldae.config import Diffusion


class Schedule(nn.Module):
    """alphas_cumprod of ``timesteps`` levels; z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps."""

    alphas_cumprod: torch.Tensor

    def __init__(self, config: Diffusion) -> None:
        super().__init__()
        betas = torch.linspace(config.beta_start, config.beta_end, config.timesteps, dtype=torch.float64)
        self.register_buffer("alphas_cumprod", torch.cumprod(1 - betas, 0), persistent=False)

    def __len__(self) -> int:
        return len(self.alphas_cumprod)

    def signal_and_noise(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """sqrt(abar_t) and sqrt(1 - abar_t), float32 of (B, 1, 1, 1, 1), for integer timesteps t (B,)."""
        abar = self.alphas_cumprod[t].view(-1, 1, 1, 1, 1)
        return abar.sqrt().float(), (1 - abar).sqrt().float()

    def add_noise(self, z_0: torch.Tensor, eps: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """z_t of the shape of z_0 (B, C, D, H, W)."""
        signal, noise = self.signal_and_noise(t)
        return signal * z_0 + noise * eps

    def gap_weight(self, t: torch.Tensor) -> torch.Tensor:
        """w_t = SNR_t^0.1 / (1 + SNR_t), float32 (B,) (PDAE, section 3.4)."""
        abar = self.alphas_cumprod[t]
        snr = abar / (1 - abar)
        return (snr**0.1 / (1 + snr)).float()
