"""A trained voxel DAE as one object."""

from __future__ import annotations

from pathlib import Path

import torch

from ldae.config.load import Config
from ldae.config.models import Precision
from ldae.device import pick_device
from ldae.diffusion.schedule import Schedule
from ldae.models.voxel_dae import VoxelDAE, resample
from ldae.networks.dae import build_voxel_dae
from ldae.networks.diffusion import build_schedule
from ldae.precision import usable_precision
from ldae.systems.base import DiffusionAutoencoder, frozen
from ldae.weights import load_weights


class VoxelDiffusionAutoencoder(DiffusionAutoencoder):
    """The voxel DAE, ready to use.

    Its z is an image (B, 1, d, h, w) on its own grid, `VoxelDAE.normalizer` applied; what it decodes is on that grid.
    It has no unconditional part: y_sem is never None.
    """

    def __init__(
        self,
        network: VoxelDAE,
        schedule: Schedule,
        device: str | torch.device = "cpu",
        precision: Precision = "32-true",
    ) -> None:
        self.precision = precision
        self.device = torch.device(device)
        self.network, self.schedule = frozen(network, self.device), frozen(schedule, self.device)

    @classmethod
    def load(cls, models_dir: str | Path, config: Config, device: str = "auto") -> VoxelDiffusionAutoencoder:
        """Load ``dae.safetensors`` of `models_dir`; "auto" takes the GPU where there is one.

        Raises
        ------
        UserError
            The file is missing or was trained with another configuration.
        """
        network = build_voxel_dae(config.dae, config.encoder, config.diffusion)
        trained_with = config.model_dump(mode="json", include={"dae", "encoder", "diffusion"})
        load_weights(network, Path(models_dir) / "dae.safetensors", trained_with)
        schedule = build_schedule(config.diffusion)
        device = pick_device(device)
        return cls(network, schedule, device, usable_precision(config.sampling.precision, device))

    @torch.inference_mode()
    def encode_image(self, x: torch.Tensor) -> torch.Tensor:
        """Map x to z_0: the normalised image on the DAE's grid."""
        return self.network.normalizer.normalize(self._on_grid(x))

    @torch.inference_mode()
    def decode_image(self, z_0: torch.Tensor) -> torch.Tensor:
        """z_0 -> x on the DAE's grid, cut to 0..1."""
        return self.network.normalizer.denormalize(z_0.to(self.device)).clamp(0, 1)

    @torch.inference_mode()
    def encode_semantic(self, x: torch.Tensor) -> torch.Tensor:
        """Map x to y_sem."""
        return self.network.semantic_encoder(self._on_grid(x))

    @torch.inference_mode()
    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, y_sem: torch.Tensor | None) -> torch.Tensor:
        """The conditional U-Net's eps."""
        return self.network(z_t, t, y_sem)

    def _on_grid(self, x: torch.Tensor) -> torch.Tensor:
        return resample(x.to(self.device), self.network.grid_shape)
