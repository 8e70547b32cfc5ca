"""Encode every scan once, and the statistics of the training latents that normalise them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.config.models import AutoencoderConfig, LatentsConfig
from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import Volumes, read_latent, read_volume
from ldae.errors import UserError
from ldae.files import atomic_path, hash_file, write_table
from ldae.models.autoencoder import build_autoencoder
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.weights import load_tensors, load_weights, save_weights
from ldae.training.state import list_subjects, origin

logger = logging.getLogger(__name__)


def encode_latents(
    dataset_csv: str | Path,
    autoencoder_weights: str | Path,
    config: AutoencoderConfig,
    latents: LatentsConfig,
    *,
    manifest: str | Path,
    statistics: str | Path,
) -> None:
    """Write one NPZ a scan (`data`: float32 posterior mean (C, D, H, W)), the manifest and the training statistics.

    Raises
    ------
    UserError
        The dataset or the weights are unusable, or the latents do not vary.
    """
    table = read_scans(dataset_csv)
    sections = {"autoencoder": config.model_dump(mode="json")}
    autoencoder = build_autoencoder(config)
    load_weights(autoencoder, autoencoder_weights, sections)
    _encode(table, autoencoder, config.training.batch_size)
    _remove_others(table["latent_path"])
    hashes = [hash_file(path) for path in table["latent_path"]]
    write_table(manifest, table[["subject", "session", "split", "latent_path"]].assign(latent_sha256=hashes))
    rows = fitting_rows(table, "train", dataset_csv)
    normalizer = fit_normalizer(Volumes(rows["latent_path"], read_latent), latents)
    description = {
        "config": {**sections, "latents": latents.model_dump(mode="json")},
        "dataset_sha256": hash_file(dataset_csv),
        "parents": {"autoencoder": hash_file(autoencoder_weights)},
        "training_scans": len(rows),
        "subjects": list_subjects(rows),
        **origin(),
    }
    save_weights(normalizer, statistics, description)


@torch.inference_mode()
def _encode(table: pd.DataFrame, autoencoder: torch.nn.Module, batch_size: int) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    autoencoder.to(device).eval()
    start = time.monotonic()
    for first in range(0, len(table), batch_size):
        rows = table.iloc[first : first + batch_size]
        scans = torch.stack([read_volume(path) for path in rows["path"]])
        z_mu = autoencoder.encode(scans.to(device))[0].float().cpu().numpy()
        for path, latent in zip(rows["latent_path"], z_mu, strict=True):
            with atomic_path(path) as temporary:
                np.savez(temporary, data=latent)
        done = first + len(rows)
        if 10 * done // len(table) == 10 * first // len(table):
            continue
        left_min = (time.monotonic() - start) / done * (len(table) - done) / 60
        logger.info("latents: %d of %d scans encoded, about %.1f min left", done, len(table), left_min)


def _remove_others(paths: pd.Series) -> None:
    """Remove latents of scans that are no longer in the dataset."""
    kept = {Path(path).resolve() for path in paths}
    for folder in {path.parent for path in kept}:
        for stale in set(folder.glob("sub-*.npz")) - kept:
            logger.warning("%s is no longer in the dataset and is removed", stale)
            stale.unlink()


def fit_normalizer(latents: Volumes, config: LatentsConfig) -> LatentNormalizer:
    """Mean (a voxel or a channel, `config.center`) of training latents, and one standard deviation a channel after it.

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
