"""A trained LDAE or voxel DAE as one object: encode, decode, both ways through the diffusion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
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
from ldae.models.supervised import SupervisedEncoder
from ldae.models.voxel_dae import VoxelDAE, resample
from ldae.models.weights import load_weights


class DiffusionAutoencoder(ABC):
    """What LDAE and DAE share: five methods from images to codes and back.

    Images x are (B, 1, D, H, W) in 0..1 on the model grid, y_sem (B, S); z_0 and z_T have the shape that the diffusion
    works on. Nothing here takes gradients; results stay on the model's device.
    """

    device: torch.device
    schedule: Schedule

    @abstractmethod
    def encode_image(self, x: torch.Tensor) -> torch.Tensor:
        """x -> z_0."""

    @abstractmethod
    def decode_image(self, z_0: torch.Tensor) -> torch.Tensor:
        """z_0 -> x, cut to 0..1."""

    @abstractmethod
    def encode_semantic(self, x: torch.Tensor) -> torch.Tensor:
        """x -> y_sem."""

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
        self, z: torch.Tensor, y_sem: torch.Tensor | None, steps: int, solver: Solver, direction: str
    ) -> torch.Tensor:
        y_sem = None if y_sem is None else y_sem.to(self.device)

        def eps_function(z_t: torch.Tensor, t: float, alpha_cumprod: float) -> torch.Tensor:
            return self.predict_noise(z_t, torch.full((len(z_t),), t, device=self.device), y_sem)

        levels = make_levels(self.schedule, steps, solver)
        return sample(eps_function, z.to(self.device), levels, direction=direction, solver=solver)


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
        representation = Representation(config.representation, denoiser, grid)
        for name, module, sections in (
            ("autoencoder", autoencoder, ("autoencoder",)),
            ("latent_statistics", normalizer, ("autoencoder", "latents")),
            ("ldm", denoiser, ("ldm", "diffusion")),
            ("representation", representation, ("representation", "ldm", "diffusion")),
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


class DAE(DiffusionAutoencoder):
    """The voxel DAE, ready to use.

    Its z is an image (B, 1, d, h, w) on its own grid, `VoxelDAE.normalizer` applied; what it decodes is on that grid.
    It has no unconditional part: y_sem is never None.
    """

    def __init__(self, network: VoxelDAE, schedule: Schedule, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.network, self.schedule = (
            module.to(self.device).eval().requires_grad_(False) for module in (network, schedule)
        )

    @classmethod
    def load(cls, models_dir: str | Path, config: Config, device: str = "auto") -> DAE:
        """Load ``dae.safetensors`` of `models_dir`; "auto" takes the GPU where there is one.

        Raises
        ------
        UserError
            The file is missing or was trained with another configuration.
        """
        encoder = config.representation.encoder
        network = VoxelDAE(config.dae, encoder, config.diffusion)
        trained_with = config.model_dump(mode="json", include={"dae", "diffusion"})
        trained_with["representation"] = encoder.model_dump(mode="json")
        load_weights(network, Path(models_dir) / "dae.safetensors", trained_with)
        return cls(network, Schedule(config.diffusion), pick_device(device))

    @torch.inference_mode()
    def encode_image(self, x: torch.Tensor) -> torch.Tensor:
        """x -> z_0: the normalised image on the DAE's grid."""
        return self.network.normalizer.normalize(self._on_grid(x))

    @torch.inference_mode()
    def decode_image(self, z_0: torch.Tensor) -> torch.Tensor:
        """z_0 -> x on the DAE's grid, cut to 0..1."""
        return self.network.normalizer.denormalize(z_0.to(self.device)).clamp(0, 1)

    @torch.inference_mode()
    def encode_semantic(self, x: torch.Tensor) -> torch.Tensor:
        """x -> y_sem."""
        return self.network.semantic_encoder(self._on_grid(x))

    @torch.inference_mode()
    def predict_noise(self, z_t: torch.Tensor, t: torch.Tensor, y_sem: torch.Tensor | None) -> torch.Tensor:
        """The conditional U-Net's eps."""
        return self.network(z_t, t, y_sem)

    def _on_grid(self, x: torch.Tensor) -> torch.Tensor:
        return resample(x.to(self.device), self.network.grid_shape)


def load_supervised(
    models_dir: str | Path, task: str, config: Config, device: str = "auto"
) -> Callable[[torch.Tensor], torch.Tensor]:
    """The encoder of ``supervised_<task>.safetensors``: a function of x (B, 1, D, H, W) in 0..1 that gives (B, S).

    Raises
    ------
    UserError
        The file is missing or was trained with another configuration.
    """
    encoder, device = config.representation.encoder, pick_device(device)
    network = SupervisedEncoder(encoder, config.preprocessing.grid_shape)
    trained_with = {
        "supervised": config.supervised.model_dump(mode="json"),
        "representation": encoder.model_dump(mode="json"),
    }
    load_weights(network, Path(models_dir) / f"supervised_{task}.safetensors", trained_with)
    network.to(device).eval()

    @torch.inference_mode()
    def encode(x: torch.Tensor) -> torch.Tensor:
        return network.semantic_encoder(x.to(device))

    return encode


def pick_device(name: str) -> str:
    """`name`, or for "auto" the GPU where there is one."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
