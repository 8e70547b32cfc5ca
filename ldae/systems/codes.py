"""What a diffusion autoencoder makes of scans, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ldae.diffusion.samplers import Solver
from ldae.seeds import seed_of
from ldae.systems.base import DiffusionAutoencoder


@dataclass(frozen=True)
class Codes:
    """Of some scans: z_0 and z_T (scans, C, d, h, w), y_sem (scans, S), on the CPU.

    y_sem and z_T make the scan; z_0, the normalised latent, is what the autoencoder alone makes it of.
    """

    z_0: torch.Tensor
    y_sem: torch.Tensor
    z_T: torch.Tensor

    def __len__(self) -> int:
        return len(self.y_sem)

    def at(self, rows: np.ndarray | slice) -> Codes:
        """The codes of the scans in these rows."""
        return Codes(self.z_0[rows], self.y_sem[rows], self.z_T[rows])

    @classmethod
    def join(cls, parts: Sequence[Codes]) -> Codes:
        """All scans of several, one after another."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in ("z_0", "y_sem", "z_T")))


def encode_scans(system: DiffusionAutoencoder, images: torch.Tensor, steps: int, solver: Solver) -> Codes:
    """Codes of images (B, 1, D, H, W), z_T by `steps` steps along the probability-flow ODE."""
    z_0, y_sem = system.encode_image(images), system.encode_semantic(images)
    z_T = system.encode_stochastic(z_0, y_sem, steps, solver)
    return Codes(*(code.float().cpu() for code in (z_0, y_sem, z_T)))


def decode_codes(
    system: DiffusionAutoencoder, z_T: torch.Tensor, y_sem: torch.Tensor | None, steps: int, solver: Solver
) -> torch.Tensor:
    """Images (B, 1, D, H, W) in 0..1, float32 on the CPU, of z_T (B, C, d, h, w) and y_sem (B, S) or none."""
    return decode_on_device(system, z_T, y_sem, steps, solver).cpu()


def decode_on_device(
    system: DiffusionAutoencoder, z_T: torch.Tensor, y_sem: torch.Tensor | None, steps: int, solver: Solver
) -> torch.Tensor:
    """`decode_codes`, the images left on the system's device."""
    return system.decode_image(system.decode_stochastic(z_T, y_sem, steps, solver)).float()


def autoencoder_errors(system: DiffusionAutoencoder, images: torch.Tensor, z_0: torch.Tensor) -> torch.Tensor:
    """Mean squared error (B,) of images (B, 1, D, H, W) and what the autoencoder makes of their z_0."""
    return (system.decode_image(z_0).float().cpu() - images).square().flatten(1).mean(1)


def sample_noise(shape: Sequence[int], seed: int, number: int) -> torch.Tensor:
    """z_T ~ N(0, I) of `shape` (C, d, h, w); it depends on (seed, number) alone."""
    generator = torch.Generator().manual_seed(seed_of(seed, "sample", number))
    return torch.randn(tuple(shape), generator=generator)
