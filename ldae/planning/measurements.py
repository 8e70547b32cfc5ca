"""What encoding and measuring with the trained networks take."""

from __future__ import annotations

import math
from typing import NamedTuple

from ldae.config.load import Config
from ldae.planning.networks import decoder_of, down_path, encoder_of, latent_grid, semantic_encoder_of, up_path
from ldae.planning.trainings import NUMBER


class Sides(NamedTuple):
    """Scans on each side of the split."""

    train: int
    validation: int
    test: int

    @property
    def all(self) -> int:
        """Of all sides."""
        return sum(self)


class Measurement(NamedTuple):
    """A stage that trains nothing: scans it works on, operations, bytes on the device and of the host beside them."""

    scans: int
    flop: float
    memory: float
    host: float = 0


def list_measurements(config: Config, sides: Sides) -> dict[str, Measurement]:
    """Every stage that works with trained networks, by the name of its rule."""
    grid, evaluation, steps = config.preprocessing.grid_shape, config.evaluation, config.sampling.steps
    latent, channels = latent_grid(config), config.autoencoder.latent_channels
    encoder, decoder = encoder_of(config.autoencoder, grid), decoder_of(config.autoencoder, grid)
    semantic = semantic_encoder_of(config.encoder, grid)
    denoiser = down_path(config.ldm, channels, latent) + up_path(config.ldm, channels, latent)
    estimator = up_path(config.ldm, channels, latent, config.encoder.semantic_dim)
    conditioned = denoiser.flop + estimator.flop  # one step of LDAE
    dae_grid, size = config.dae.grid_shape, config.encoder.semantic_dim
    dae = down_path(config.dae, 1, dae_grid) + up_path(config.dae, 1, dae_grid, size)
    dae_encoder = semantic_encoder_of(config.encoder, dae_grid)

    weights = NUMBER * (encoder + decoder + semantic + denoiser + estimator).parameters
    dae_weights = NUMBER * (dae + dae_encoder).parameters
    ldae = (encoder, decoder, semantic, denoiser + estimator)
    image = NUMBER * math.prod(grid)

    def memory(*networks, batch: int = evaluation.batch_size, beside: float = 0) -> float:
        return weights + beside + batch * (NUMBER * max(network.live for network in networks) + 8 * image)

    encoded = encoder.flop + semantic.flop + steps * conditioned  # both codes of a scan
    decoded = steps * conditioned + decoder.flop
    rebuilt = sorted({*evaluation.reconstruction.steps, steps})
    edits = 3 * (len(evaluation.counterfactual.log_odds) + len(evaluation.counterfactual.years) - 2)
    chosen_on = evaluation.comparison.validation_scans
    compared = sides.test + (sides.validation if chosen_on is None else min(chosen_on, sides.validation))
    of_reconstruction = encoder.flop + 2 * decoder.flop
    of_reconstruction += sum(3 * t * conditioned + 2 * decoder.flop for t in rebuilt) + decoded
    of_comparison = encoder.flop + decoder.flop + semantic.flop + dae_encoder.flop
    of_comparison += sum(
        2 * t * (conditioned + denoiser.flop + dae.flop) + 2 * decoder.flop for t in evaluation.comparison.steps
    )
    samples = evaluation.generation.samples
    batch = evaluation.efficiency.batch_size
    return {
        "latents": Measurement(sides.all, sides.all * encoder.flop, memory(encoder)),
        "embeddings": Measurement(sides.all, sides.all * semantic.flop, memory(semantic)),
        "untrained": Measurement(sides.all, sides.all * semantic.flop, memory(semantic)),
        "system_embeddings": Measurement(sides.all, sides.all * dae_encoder.flop, memory(dae_encoder)),
        "reference": Measurement(sides.validation, sides.validation * (encoded + decoder.flop), memory(*ldae)),
        "measure_reconstruction": Measurement(sides.test, sides.test * of_reconstruction, memory(*ldae)),
        "measure_comparison": Measurement(compared, compared * of_comparison, memory(*ldae, dae, beside=dae_weights)),
        "measure_interpolation": Measurement(sides.test, sides.test * (encoded + 2 * decoded), memory(*ldae)),
        "measure_counterfactual": Measurement(
            sides.test, sides.test * (encoded + edits * (decoded + semantic.flop)), memory(*ldae)
        ),
        "measure_examples": Measurement(
            evaluation.figure_scans, 8 * evaluation.figure_scans * (encoded + decoded), memory(*ldae)
        ),
        "measure_generation": Measurement(
            samples, samples * (steps * denoiser.flop + decoder.flop), memory(decoder, denoiser), 3 * samples * image
        ),
        "measure_efficiency": Measurement(
            batch,
            batch * evaluation.efficiency.repeats * (of_comparison + encoded + decoded),
            memory(*ldae, dae, batch=batch, beside=dae_weights),
        ),
    }
