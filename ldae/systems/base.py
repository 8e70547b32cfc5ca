"""What every diffusion autoencoder offers: encode, decode, both ways through the diffusion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeVar

import torch
from torch import nn

from ldae.config.models import Precision
from ldae.diffusion.samplers import Direction, Solver, make_levels, sample
from ldae.diffusion.schedule import Schedule

Module = TypeVar("Module", bound=nn.Module)


class DiffusionAutoencoder(ABC):
    """What LDAE and the voxel DAE share: from images to codes and back.

    Images x are (B, 1, D, H, W) in 0..1 on the model grid, y_sem (B, S); z_0 and z_T have the shape that the diffusion
    works on. Nothing here takes gradients; results stay on the model's device. With the precision "bf16-mixed" the
    networks that predict the noise compute in bfloat16 (torch.autocast), z, the sampler and all else in float32.
    """

    device: torch.device
    schedule: Schedule
    precision: Precision

    @abstractmethod
    def encode_image(self, x: torch.Tensor) -> torch.Tensor:
        """Map x to z_0."""

    @abstractmethod
    def decode_image(self, z_0: torch.Tensor) -> torch.Tensor:
        """z_0 -> x, cut to 0..1."""

    @abstractmethod
    def encode_semantic(self, x: torch.Tensor) -> torch.Tensor:
        """Map x to y_sem."""

    @abstractmethod
    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, y_sem: torch.Tensor | None) -> torch.Tensor:
        """The eps (shape of z_t) that the sampler follows, at timesteps t (B,)."""

    @torch.inference_mode()
    def encode_stochastic(
        self, z_0: torch.Tensor, y_sem: torch.Tensor | None, steps: int, solver: Solver
    ) -> torch.Tensor:
        """z_0 -> z_T along the probability-flow ODE."""
        return self._integrate(z_0, y_sem, steps, solver, "encode")

    @torch.inference_mode()
    def decode_stochastic(
        self, z_T: torch.Tensor, y_sem: torch.Tensor | None, steps: int, solver: Solver
    ) -> torch.Tensor:
        """z_T -> z_0 with the same steps; the inverse of `encode_stochastic` up to the solver's error."""
        return self._integrate(z_T, y_sem, steps, solver, "decode")

    def _integrate(
        self, z: torch.Tensor, y_sem: torch.Tensor | None, steps: int, solver: Solver, direction: Direction
    ) -> torch.Tensor:
        y_sem = None if y_sem is None else y_sem.to(self.device)

        def eps_function(z_t: torch.Tensor, t: float, alpha_cumprod: float) -> torch.Tensor:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16-mixed"):
                return self.predict_noise(z_t, torch.full((len(z_t),), t, device=self.device), y_sem).to(z_t.dtype)

        levels = make_levels(self.schedule, steps, solver)
        return sample(eps_function, z.to(self.device), levels, direction=direction, solver=solver)


def frozen(module: Module, device: torch.device) -> Module:
    """The module on a device, in eval mode and without gradients."""
    return module.to(device).eval().requires_grad_(False)
