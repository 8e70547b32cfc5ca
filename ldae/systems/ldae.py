"""A trained LDAE as one object."""

from __future__ import annotations

from pathlib import Path

import torch
from monai.networks.nets import AutoencoderKL

from ldae.config.load import Config
from ldae.diffusion.schedule import Schedule
from ldae.models.autoencoder import build_autoencoder
from ldae.models.denoiser import Denoiser, build_denoiser
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.representation import Representation
from ldae.models.weights import load_weights
from ldae.systems.base import DiffusionAutoencoder, pick_device


class LDAE(DiffusionAutoencoder):
    """The autoencoder, the latent statistics, the denoiser and the representation, ready to use.

    z is (B, C, d, h, w), a latent normalised by the training statistics. y_sem None walks the diffusion
    unconditionally (LDDIM).
    """

    def __init__(
        self,
        autoencoder: AutoencoderKL,
        normalizer: LatentNormalizer,
        denoiser: Denoiser,
        representation: Representation,
        schedule: Schedule,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        modules = (autoencoder, normalizer, denoiser, representation, schedule)
        self.autoencoder, self.normalizer, self.denoiser, self.representation, self.schedule = (
            module.to(self.device).eval().requires_grad_(False) for module in modules
        )

    @classmethod
    def load(cls, models_dir: str | Path, config: Config, device: str = "auto") -> LDAE:
        """Load the four weights files of `models_dir`; "auto" takes the GPU where there is one.

        Raises
        ------
        UserError
            A file is missing or was trained with another configuration.
        """
        folder, grid = Path(models_dir), config.preprocessing.grid_shape
        factor = 2 ** (len(config.autoencoder.channels) - 1)
        autoencoder = build_autoencoder(config.autoencoder)
        normalizer = LatentNormalizer((config.autoencoder.latent_channels, *(size // factor for size in grid)))
        denoiser = build_denoiser(config.ldm, config.diffusion, config.autoencoder.latent_channels)
        representation = Representation(config.encoder, denoiser, grid)
        for name, module, sections in (
            ("autoencoder", autoencoder, ("autoencoder",)),
            ("latent_statistics", normalizer, ("autoencoder", "latents")),
            ("ldm", denoiser, ("ldm", "diffusion")),
            ("representation", representation, ("encoder", "representation", "ldm", "diffusion")),
        ):
            trained_with = config.model_dump(mode="json", include=set(sections))
            load_weights(module, folder / f"{name}.safetensors", trained_with)
        return cls(autoencoder, normalizer, denoiser, representation, Schedule(config.diffusion), pick_device(device))

    @torch.inference_mode()
    def encode_image(self, x: torch.Tensor) -> torch.Tensor:
        """x -> z_0: the normalised posterior mean."""
        return self.normalizer.normalize(self.autoencoder.encode(x.to(self.device))[0])

    @torch.inference_mode()
    def decode_image(self, z_0: torch.Tensor) -> torch.Tensor:
        """z_0 -> x, cut to 0..1."""
        return self.autoencoder.decode(self.normalizer.denormalize(z_0.to(self.device))).clamp(0, 1)

    @torch.inference_mode()
    def encode_semantic(self, x: torch.Tensor) -> torch.Tensor:
        """x -> y_sem."""
        return self.representation.semantic_encoder(x.to(self.device))

    @torch.inference_mode()
    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, y_sem: torch.Tensor | None) -> torch.Tensor:
        """eps_theta - sqrt(1 - abar_t) G_psi (PDAE, equation 11); without y_sem eps_theta."""
        features = self.denoiser.encode(z_t, t)
        eps = self.denoiser.decode(features)
        if y_sem is None:
            return eps
        _, noise = self.schedule.signal_and_noise(t)
        return eps - noise * self.representation.gradient_estimator(features, y_sem)
