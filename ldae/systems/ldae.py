"""A trained LDAE as one object."""

from __future__ import annotations

from pathlib import Path

import torch

from ldae.config.load import Config
from ldae.config.models import Precision
from ldae.device import pick_device
from ldae.diffusion.schedule import Schedule
from ldae.models.autoencoder import Autoencoder
from ldae.models.denoiser import Denoiser
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.representation import RepresentationNet
from ldae.networks.autoencoder import build_autoencoder
from ldae.networks.diffusion import build_denoiser, build_schedule
from ldae.networks.representation import build_representation
from ldae.precision import usable_precision
from ldae.systems.base import DiffusionAutoencoder, frozen
from ldae.weights import load_weights

# For each weights file the sections of the configuration and the other files that it depends on.
PARTS = {
    "autoencoder": (("autoencoder",), ()),
    "latent_statistics": (("autoencoder", "latents"), ("autoencoder",)),
    "ldm": (("ldm", "diffusion"), ("latent_statistics",)),
    "representation": (("encoder", "representation", "ldm", "diffusion"), ("latent_statistics", "ldm")),
}


class LatentDiffusionAutoencoder(DiffusionAutoencoder):
    """The autoencoder, the latent statistics, the denoiser and the representation, ready to use.

    z is (B, C, d, h, w), a latent normalised by the training statistics. y_sem None walks the diffusion
    unconditionally (LDDIM).
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        normalizer: LatentNormalizer,
        denoiser: Denoiser,
        representation: RepresentationNet,
        schedule: Schedule,
        device: str | torch.device = "cpu",
        precision: Precision = "32-true",
    ) -> None:
        self.precision = precision
        self.device = torch.device(device)
        self.autoencoder = frozen(autoencoder, self.device)
        self.normalizer = frozen(normalizer, self.device)
        self.denoiser = frozen(denoiser, self.device)
        self.representation = frozen(representation, self.device)
        self.schedule = frozen(schedule, self.device)

    @classmethod
    def load(cls, models_dir: str | Path, config: Config, device: str = "auto") -> LatentDiffusionAutoencoder:
        """Load the four weights files of `models_dir`; "auto" takes the GPU where there is one.

        Raises
        ------
        UserError
            A file is missing, or was trained with another configuration or beside other files than these.
        """
        networks, hashes = build_networks(config), dict[str, str]()
        for name, module in zip(PARTS, networks, strict=True):
            sections, parents = PARTS[name]
            trained_with = config.model_dump(mode="json", include=set(sections))
            beside = {parent: hashes[parent] for parent in parents}
            path = Path(models_dir) / f"{name}.safetensors"
            hashes[name] = load_weights(module, path, trained_with, beside)["weights_sha256"]
        schedule = build_schedule(config.diffusion)
        device = pick_device(device)
        return cls(*networks, schedule, device, usable_precision(config.sampling.precision, device))

    @torch.inference_mode()
    def encode_image(self, x: torch.Tensor) -> torch.Tensor:
        """Map x to z_0: the normalised posterior mean."""
        return self.normalizer.normalize(self.autoencoder.encode(x.to(self.device))[0])

    @torch.inference_mode()
    def decode_image(self, z_0: torch.Tensor) -> torch.Tensor:
        """z_0 -> x, cut to 0..1."""
        return self.autoencoder.decode(self.normalizer.denormalize(z_0.to(self.device))).clamp(0, 1)

    @torch.inference_mode()
    def encode_semantic(self, x: torch.Tensor) -> torch.Tensor:
        """Map x to y_sem."""
        return self.representation.semantic_encoder(x.to(self.device))

    @torch.inference_mode()
    def slice_weights(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What Enc_phi attends to: see `ldae.models.semantic_encoder.SemanticEncoder.slice_weights`."""
        return self.representation.semantic_encoder.slice_weights(x.to(self.device))

    @torch.inference_mode()
    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, y_sem: torch.Tensor | None) -> torch.Tensor:
        """eps_theta - sqrt(1 - abar_t) G_psi (PDAE, equation 11); without y_sem eps_theta."""
        features = self.denoiser.encode(z_t, t)
        eps = self.denoiser.decode(features)
        if y_sem is None:
            return eps
        _, noise = self.schedule.signal_and_noise(t)
        return eps - noise * self.representation.gradient_estimator(features, y_sem)


def build_networks(config: Config) -> tuple[Autoencoder, LatentNormalizer, Denoiser, RepresentationNet]:
    """The networks of `PARTS` of the configured sizes, untrained."""
    grid, channels = config.preprocessing.grid_shape, config.autoencoder.latent_channels
    factor = 2 ** (len(config.autoencoder.channels) - 1)
    denoiser = build_denoiser(config.ldm, config.diffusion, channels)
    return (
        build_autoencoder(config.autoencoder),
        LatentNormalizer((channels, *(size // factor for size in grid))),
        denoiser,
        build_representation(config.encoder, denoiser, grid),
    )
