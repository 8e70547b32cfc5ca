"""Encode every scan once, and take the statistics of the training latents."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.config.models import AutoencoderConfig, LatentsConfig
from ldae.data.batches import scan_batches
from ldae.data.leaks import fitting_rows
from ldae.data.scans import LATENT_COLUMNS, latent_path, read_scans
from ldae.data.volumes import Volumes, read_latent
from ldae.device import pick_device
from ldae.errors import UserError
from ldae.files import atomic_path, hash_file, write_table
from ldae.models.autoencoder import Autoencoder
from ldae.networks.autoencoder import build_autoencoder
from ldae.training.normalizer import fit_normalizer, hash_latents
from ldae.training.state import dump_sections, list_subjects, origin
from ldae.weights import load_weights, save_weights

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
    """Write the latents and their manifest (see `write_latents`), and the training statistics.

    Parameters
    ----------
    statistics : path
        Weights file to write: mean and standard deviation of the training latents.

    Raises
    ------
    UserError
        The table of scans or the weights are unusable, or the latents do not vary.
    """
    fitting_rows(read_scans(scans_csv), "train", scans_csv)  # refuses a test subject before anything is written
    rows = fitting_rows(write_latents(scans_csv, autoencoder_weights, config, manifest), "train", scans_csv)
    normalizer = fit_normalizer(Volumes(rows["latent_path"], read_latent), latents)
    description = {
        "config": dump_sections({"autoencoder": config, "latents": latents}),
        "parents": {"autoencoder": hash_file(autoencoder_weights)},
        "latents_sha256": hash_latents(rows),
        "training_scans": len(rows),
        "subjects": list_subjects(rows),
        **origin(),
    }
    save_weights(normalizer, statistics, description)


def write_latents(
    scans_csv: str | Path, autoencoder_weights: str | Path, config: AutoencoderConfig, manifest: str | Path
) -> pd.DataFrame:
    """Write one NPZ per scan (`data`: float32 posterior mean (C, D, H, W)), and their table; nothing is fitted.

    Parameters
    ----------
    manifest : path
        Table to write, columns `LATENT_COLUMNS`; the latents lie beside it.

    Returns
    -------
    DataFrame
        The table of scans with the columns of the manifest.

    Raises
    ------
    UserError
        The table of scans or the weights are unusable, or a latent is not finite.
    """
    table = read_scans(scans_csv)
    folder, scans = Path(manifest).parent, zip(table["subject"], table["session"], strict=True)
    table = table.assign(latent_path=[latent_path(folder, *scan) for scan in scans])
    autoencoder = build_autoencoder(config)
    load_weights(autoencoder, autoencoder_weights, dump_sections({"autoencoder": config}))
    _encode(table, autoencoder, autoencoder_weights, config.training.batch_size)
    _remove_others(table["latent_path"])
    table["latent_sha256"] = [hash_file(path) for path in table["latent_path"]]
    write_table(manifest, table[list(LATENT_COLUMNS)])
    return table


@torch.inference_mode()
def _encode(table: pd.DataFrame, autoencoder: Autoencoder, autoencoder_weights: str | Path, batch_size: int) -> None:
    device = pick_device()
    autoencoder.to(device).eval()
    for rows, scans in scan_batches(table, batch_size, "latents"):
        z_mu = autoencoder.encode(scans.to(device))[0].float().cpu().numpy()
        for path, image, latent in zip(rows["latent_path"], rows["path"], z_mu, strict=True):
            if not np.isfinite(latent).all():
                cure = "look at the training curves of the autoencoder and train it again"
                raise UserError(autoencoder_weights, f"a finite latent of {image}", "NaN or infinity", cure)
            with atomic_path(path) as temporary:
                np.savez(temporary, data=latent)


def _remove_others(paths: pd.Series) -> None:
    """Remove latents of scans that are no longer in the table."""
    kept = {Path(path).resolve() for path in paths}
    for folder in {path.parent for path in kept}:
        for stale in set(folder.glob("sub-*.npz")) - kept:
            logger.warning("%s is the latent of no scan any more and is removed", stale)
            stale.unlink()
