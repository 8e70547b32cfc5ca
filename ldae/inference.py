"""A trained LDAE as one object: encode, decode, both ways through the diffusion."""

from __future__ import annotations

from pathlib import Path

import torch
from monai.networks.nets import AutoencoderKL

from ldae.config import Config
from ldae.diffusion.samplers import Solver, make_levels, sample
from ldae.diffusion.schedule import Schedule
from ldae.models.autoencoder import build_autoencoder
from ldae.models.denoiser import Denoiser, build_denoiser
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.representation import Representation
from ldae.models.weights import load_weights


class LDAE:
    """The autoencoder, the latent statistics, the denoiser and the representation, ready to use.

    Images x are (B, 1, D, H, W) in 0..1 on the model grid, latents z (B, C, d, h, w) normalised by the training
    statistics, y_sem (B, S). Nothing here takes gradients; results stay on the model's device.
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
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        folder, grid = Path(models_dir), config.preprocessing.grid_shape
        factor = 2 ** (len(config.autoencoder.channels) - 1)
        autoencoder = build_autoencoder(config.autoencoder)
        normalizer = LatentNormalizer((config.autoencoder.latent_channels, *(size // factor for size in grid)))
        denoiser = build_denoiser(config.ldm, config.diffusion, config.autoencoder.latent_channels)
        representation = Representation(config.representation, denoiser, grid)
        for name, module, sections in (
            ("autoencoder", autoencoder, ("autoencoder",)),
            ("latent_statistics", normalizer, ("autoencoder", "latents")),
            ("ldm", denoiser, ("ldm", "diffusion")),
            ("representation", representation, ("representation", "ldm", "diffusion")),
        ):
            trained_with = config.model_dump(mode="json", include=set(sections))
            load_weights(module, folder / f"{name}.safetensors", trained_with)
        return cls(autoencoder, normalizer, denoiser, representation, Schedule(config.diffusion), device)

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
    def encode_stochastic(
        self, z_0: torch.Tensor, y_sem: torch.Tensor | None, steps: int, solver: Solver
    ) -> torch.Tensor:
        """z_0 -> z_T along the probability-flow ODE; y_sem None walks it unconditionally (LDDIM)."""
        return self._integrate(z_0, y_sem, steps, solver, "encode")

    @torch.inference_mode()
    def decode_stochastic(
        self, z_T: torch.Tensor, y_sem: torch.Tensor | None, steps: int, solver: Solver
    ) -> torch.Tensor:
        """z_T -> z_0 with the same steps; the inverse of `encode_stochastic` up to the solver's error."""
        return self._integrate(z_T, y_sem, steps, solver, "decode")

    def _integrate(
        self, z: torch.Tensor, y_sem: torch.Tensor | None, steps: int, solver: Solver, direction: str
    ) -> torch.Tensor:
        y_sem = None if y_sem is None else y_sem.to(self.device)

        def eps_function(z_t: torch.Tensor, t: float, alpha_cumprod: float) -> torch.Tensor:
            """eps_theta - sqrt(1 - abar_t) G_psi (PDAE, equation 11)."""
            features = self.denoiser.encode(z_t, torch.full((len(z_t),), t, device=self.device))
            eps = self.denoiser.decode(features)
            if y_sem is None:
                return eps
            return eps - (1 - alpha_cumprod) ** 0.5 * self.representation.gradient_estimator(features, y_sem)

        levels = make_levels(self.schedule, steps, solver)
        return sample(eps_function, z.to(self.device), levels, direction=direction, solver=solver)
