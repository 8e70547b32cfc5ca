"""The statistics of training latents, or images, by which they are normalised for the diffusion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch

from ldae.config.models import LatentsConfig
from ldae.data.volumes import Volumes, read_latent
from ldae.errors import UserError
from ldae.files import hash_content
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


def hash_latents(rows: pd.DataFrame) -> str:
    """Hash of the latents of these rows, which have the column latent_sha256; their order and paths do not matter."""
    return hash_content(sorted(rows["latent_sha256"]))


def load_normalizer(statistics: str | Path, rows: pd.DataFrame) -> LatentNormalizer:
    """The normaliser of `encode_latents`.

    Parameters
    ----------
    rows : DataFrame
        The training scans with the hashes of their latents, which it was fitted to.

    Raises
    ------
    UserError
        The file is missing or damaged, or was fitted to other latents.
    """
    tensors, description = load_tensors(statistics)
    if description.get("latents_sha256") != hash_latents(rows):
        cure = "run the rule latents again, which makes both"
        raise UserError(statistics, "statistics of the training latents", "those of other latents", cure)
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
