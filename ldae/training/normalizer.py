"""The statistics of training latents, or images, by which they are normalised for the diffusion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ldae.config.models import LatentsConfig
from ldae.data.volumes import Volumes, read_latent
from ldae.errors import UserError
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.weights import load_tensors


def fit_normalizer(latents: Volumes, config: LatentsConfig) -> LatentNormalizer:
    """Mean (per voxel or channel, `config.center`) of training latents, and one standard deviation per channel.

    Raises
    ------
    UserError
        A channel is constant.
    """
    mean = latents.mean()[0]
    if config.center == "channel":
        mean = mean.mean((1, 2, 3), keepdim=True).expand_as(mean)
    square = torch.zeros(mean.shape, dtype=torch.float64)
    for i in range(len(latents)):
        square += (latents[[i]][0] - mean).double().square()
    std = (square / len(latents)).mean((1, 2, 3), keepdim=True).sqrt().float()
    if not (std > 0).all():
        cure = "train the autoencoder longer, or on more than one scan"
        raise UserError(
            "latents", "latents that vary between scans", f"standard deviations {std.flatten().tolist()}", cure
        )
    normalizer = LatentNormalizer(tuple(mean.shape))
    normalizer.load_state_dict({"mean": mean, "std": std})
    return normalizer


def load_normalizer(statistics: str | Path) -> LatentNormalizer:
    """The normaliser of `encode_latents`.

    Raises
    ------
    UserError
        The file is missing or damaged.
    """
    tensors, _ = load_tensors(statistics)
    normalizer = LatentNormalizer(tuple(tensors["mean"].shape))
    normalizer.load_state_dict(tensors)
    return normalizer


def normalized_reader(normalizer: LatentNormalizer) -> Callable[[str], torch.Tensor]:
    """A function that reads a latent file as z_0 (C, D, H, W).

    Raises
    ------
    UserError
        From that function: the latent has another shape than the statistics.
    """

    def read(path: str) -> torch.Tensor:
        latent = read_latent(path)
        if latent.shape != normalizer.mean.shape:
            found, expected = str(tuple(latent.shape)), f"a latent of {tuple(normalizer.mean.shape)}"
            raise UserError(path, expected, found, "run the rule latents again")
        return normalizer.normalize(latent[None])[0]

    return read
