"""Encode every scan once, and the statistics of the training latents that normalise them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.config.models import AutoencoderConfig, LatentsConfig
from ldae.data.batches import scan_batches
from ldae.data.leaks import fitting_rows
from ldae.data.scans import LATENT_COLUMNS, latent_path, read_scans
from ldae.data.volumes import Volumes, read_latent
from ldae.errors import UserError
from ldae.files import atomic_path, hash_file, write_table
from ldae.models.autoencoder import Autoencoder
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.networks.autoencoder import build_autoencoder
from ldae.training.state import dump_sections, list_subjects, origin
from ldae.weights import load_tensors, load_weights, save_weights

logger = logging.getLogger(__name__)


def encode_latents(
    scans_csv: str | Path,
    autoencoder_weights: str | Path,
    config: AutoencoderConfig,
    latents: LatentsConfig,
    *,
    manifest: str | Path,
    statistics: str | Path,
) -> None:
    """Write one NPZ per scan (`data`: float32 posterior mean (C, D, H, W)), the manifest, and the training statistics.

    Parameters
    ----------
    manifest : path
        Table to write, columns `LATENT_COLUMNS`; the latents lie beside it.
    statistics : path
        Weights file to write: mean and standard deviation of the training latents.

    Raises
    ------
    UserError
        The table of scans or the weights are unusable, or the latents do not vary.
    """
    table = read_scans(scans_csv)
    fitting_rows(table, "train", scans_csv)  # refuses a test subject before anything is written
    folder, scans = Path(manifest).parent, zip(table["subject"], table["session"], strict=True)
    table = table.assign(latent_path=[latent_path(folder, *scan) for scan in scans])
    autoencoder = build_autoencoder(config)
    load_weights(autoencoder, autoencoder_weights, dump_sections({"autoencoder": config}))
    _encode(table, autoencoder, config.training.batch_size)
    _remove_others(table["latent_path"])
    table["latent_sha256"] = [hash_file(path) for path in table["latent_path"]]
    write_table(manifest, table[list(LATENT_COLUMNS)])
    rows = fitting_rows(table, "train", scans_csv)
    normalizer = fit_normalizer(Volumes(rows["latent_path"], read_latent), latents)
    description = {
        "config": dump_sections({"autoencoder": config, "latents": latents}),
        "parents": {"autoencoder": hash_file(autoencoder_weights)},
        "training_scans": len(rows),
        "subjects": list_subjects(rows),
        **origin(),
    }
    save_weights(normalizer, statistics, description)


@torch.inference_mode()
def _encode(table: pd.DataFrame, autoencoder: Autoencoder, batch_size: int) -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    autoencoder.to(device).eval()
    for rows, scans in scan_batches(table, batch_size, "latents"):
        z_mu = autoencoder.encode(scans.to(device))[0].float().cpu().numpy()
        for path, latent in zip(rows["latent_path"], z_mu, strict=True):
            with atomic_path(path) as temporary:
                np.savez(temporary, data=latent)


def _remove_others(paths: pd.Series) -> None:
    """Remove latents of scans that are no longer in the table."""
    kept = {Path(path).resolve() for path in paths}
    for folder in {path.parent for path in kept}:
        for stale in set(folder.glob("sub-*.npz")) - kept:
            logger.warning("%s is the latent of no scan any more and is removed", stale)
            stale.unlink()


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
