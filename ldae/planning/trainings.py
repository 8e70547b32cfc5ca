"""What the trainings take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ldae.config.load import Config
from ldae.config.training import TrainingConfig
from ldae.planning.blocks import Network
from ldae.planning.networks import (
    decoder_of,
    discriminator_of,
    down_path,
    encoder_of,
    latent_grid,
    semantic_encoder_of,
    up_path,
)

FORWARD_AND_BACKWARD = 3  # a backward pass takes twice the operations of a forward pass
NUMBER = 4  # bytes
STATES = 3  # at once on the disk: two, and the one that is being written
TRAINED = 4  # numbers per trained parameter: itself, its gradient, Adam's two moments
DRAWS = 4  # noise levels at which a validation scan is judged
NOTHING = Network()
SQUEEZENET_FLOP, SQUEEZENET_SAVED = 14_000, 60  # per pixel of a slice


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes
    ----------
    settings : TrainingConfig
    trained, frozen : Network
        What is trained, and what is only used.
    validation_flop : int
        Operations for one validation scan.
    adversary : Network
        The discriminator, trained beside `trained`.
    perceptual_pixels : float
        Pixels of a scan's slices that the perceptual loss sees.
    """

    settings: TrainingConfig
    trained: Network
    validation_flop: int
    frozen: Network = NOTHING
    adversary: Network = NOTHING
    perceptual_pixels: float = 0

    @property
    def scans(self) -> int:
        """Scans of one optimizer step."""
        return self.settings.batch_size * self.settings.accumulate

    @property
    def parameters(self) -> int:
        """All that are trained."""
        return self.trained.parameters + self.adversary.parameters

    @property
    def step_flop(self) -> float:
        """Operations for one scan of one step."""
        passes = FORWARD_AND_BACKWARD + self.settings.activation_checkpointing
        # The adversary passes a gradient on to the scan (twice a forward pass), and learns from two images.
        adversary = (2 + 2 * FORWARD_AND_BACKWARD) * self.adversary.flop
        perceptual = FORWARD_AND_BACKWARD * SQUEEZENET_FLOP * self.perceptual_pixels
        return passes * self.trained.flop + self.frozen.flop + adversary + perceptual

    def flop(self, validation_scans: int) -> float:
        """Operations of the whole training."""
        validations = self.settings.steps / self.settings.validate_every_steps
        return self.settings.steps * self.scans * self.step_flop + validations * validation_scans * self.validation_flop

    @property
    def memory(self) -> float:
        """Bytes on the device: weights, gradients, Adam, moving average, and what one pass saves."""
        settings = self.settings
        saved = self.trained.checkpointed if settings.activation_checkpointing else self.trained.saved
        others = self.adversary.saved + SQUEEZENET_SAVED * self.perceptual_pixels + self.frozen.live
        weights = (TRAINED + (settings.ema_decay > 0)) * self.parameters + self.frozen.parameters
        return NUMBER * (weights + settings.batch_size * (saved + others))

    @property
    def disk(self) -> float:
        """Bytes of the states, the weights that are the best at each of them, and the result."""
        state, weights = TRAINED - 1 + (self.settings.ema_decay > 0), 1
        return NUMBER * self.parameters * (STATES * (state + weights) + weights)


def list_trainings(config: Config) -> dict[str, Training]:
    """Every training of the workflow, by the name of its rule."""
    grid, latent = config.preprocessing.grid_shape, latent_grid(config)
    semantic, channels = config.encoder.semantic_dim, config.autoencoder.latent_channels
    encoder = semantic_encoder_of(config.encoder, grid)
    down, up = down_path(config.ldm, channels, latent), up_path(config.ldm, channels, latent)
    estimator = up_path(config.ldm, channels, latent, semantic)
    dae_encoder = semantic_encoder_of(config.encoder, config.dae.grid_shape)
    dae = down_path(config.dae, 1, config.dae.grid_shape) + up_path(config.dae, 1, config.dae.grid_shape, semantic)
    autoencoder = encoder_of(config.autoencoder, grid) + decoder_of(config.autoencoder, grid)
    perceptual = 3 * config.autoencoder.perceptual_slice_fraction * math.prod(grid)
    return {
        "autoencoder": Training(
            config.autoencoder.training,
            autoencoder,
            autoencoder.flop,
            adversary=discriminator_of(config.autoencoder, grid),
            perceptual_pixels=perceptual if config.autoencoder.perceptual_weights else 0,
        ),
        "ldm": Training(config.ldm.training, down + up, DRAWS * (down + up).flop),
        "representation": Training(
            config.representation.training,
            encoder + estimator,
            2 * encoder.flop + DRAWS * ((down + up).flop + 2 * estimator.flop),
            frozen=down + up,
        ),
        "dae": Training(config.dae.training, dae_encoder + dae, 2 * dae_encoder.flop + 2 * DRAWS * dae.flop),
        "supervised": Training(config.supervised.training, encoder, encoder.flop),
    }
