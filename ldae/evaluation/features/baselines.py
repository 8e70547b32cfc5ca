"""What every learnt representation has to beat, as far as it takes no label: volumes, principal components, chance."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA

from ldae.config.load import Config
from ldae.config.models import EncoderConfig
from ldae.config.preprocessing import PreprocessingConfig
from ldae.data.batches import scan_batches
from ldae.data.scans import SCAN_KEY, read_scans
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import (
    Embeddings,
    embeddings_of,
    extract_embeddings,
    name_features,
    write_embeddings,
)
from ldae.evaluation.features.morphometry import NAMES, measure_shares
from ldae.files import read_table
from ldae.networks.encoder import build_semantic_encoder
from ldae.preprocessing.grid import model_grid
from ldae.systems.ldae import LatentDiffusionAutoencoder

logger = logging.getLogger(__name__)

BRAIN_VOLUME = "brain_volume_ml"


def write_baselines(
    scans: str | Path, qc: str | Path, models_dir: str | Path, config: Config, outputs: Mapping[str, str | Path]
) -> None:
    """Make the features of every baseline and write an NPZ each.

    Parameters
    ----------
    scans, qc, models_dir : path
        The table of scans, the table of quality control, the folder of the LDAE's weights.
    config : Config
        The sections of an LDAE, seed and evaluation.batch_size.
    outputs : mapping
        Files by name: mean, volumes, pca, untrained.
    """
    table, quality, batch_size = read_scans(scans), read_qc(qc), config.evaluation.batch_size
    mean_image = LatentDiffusionAutoencoder.load(models_dir, config).representation.semantic_encoder.mean_image
    write_embeddings(outputs["mean"], constant(table))
    write_embeddings(outputs["volumes"], volumes(table, quality, config.preprocessing, batch_size))
    write_embeddings(outputs["pca"], voxel_components(table, batch_size))
    write_embeddings(outputs["untrained"], untrained(table, config.encoder, mean_image, config.seed, batch_size))


def read_qc(path: str | Path) -> pd.DataFrame:
    """Read the table of quality control, as far as features are made of it."""
    return read_table(path, (*SCAN_KEY, BRAIN_VOLUME), dtype=dict.fromkeys(SCAN_KEY, str))


def constant(scans: pd.DataFrame) -> Embeddings:
    """Nothing about the scan: a probe on it predicts the training scans' mean."""
    return name_features(np.zeros((len(scans), 1)), scans, "constant")


def volumes(scans: pd.DataFrame, qc: pd.DataFrame, config: PreprocessingConfig, batch_size: int) -> Embeddings:
    """Tissues and ventricles as shares of the brain (see `morphometry`), and the brain's volume in millilitres."""
    grid = model_grid(config)
    measured = [
        measure_shares(image.numpy(), grid)
        for _, images in scan_batches(scans, batch_size, "volumes")
        for image in images[:, 0]
    ]
    features = np.column_stack([np.array(measured), brain_volumes(scans, qc)])
    return embeddings_of(features, scans, (*NAMES, BRAIN_VOLUME))


def voxel_components(scans: pd.DataFrame, batch_size: int) -> Embeddings:
    """Principal components of the voxels, as many as the training subjects allow (their number less one).

    They are fitted to one scan, the first, of each training subject; voxels that are background in all of these are
    left out. One training subject has none: its feature is constant.
    """
    train = scans[scans["split"] == "train"].drop_duplicates("subject")
    if len(train) < 2:
        logger.warning("PCA of the voxels: one training subject has no principal component; the feature is constant")
        return constant(scans)
    fitted = _voxels(train, batch_size, "PCA, fit")
    brain = fitted.any(0)
    pca = PCA(len(train) - 1, svd_solver="full").fit(fitted[:, brain])
    projected = [
        pca.transform(images.flatten(1).numpy()[:, brain]) for _, images in scan_batches(scans, batch_size, "PCA")
    ]
    components = name_features(np.concatenate(projected), scans, "component")
    return replace(components, fitted_to=tuple(train["subject"]))


def untrained(
    scans: pd.DataFrame, config: EncoderConfig, mean_image: torch.Tensor, seed: int, batch_size: int
) -> Embeddings:
    """The semantic encoder with random weights, the seed's, also where `config.backbone_weights` names a file.

    A training may start from that file; here nothing is trained, on ImageNet neither. `mean_image` (1, 1, D, H, W) is
    what the trained encoder subtracts.
    """
    torch.manual_seed(seed)
    encoder = build_semantic_encoder(config, tuple(mean_image.shape[2:])).eval().requires_grad_(False)
    encoder.set_mean_image(mean_image.cpu())
    return extract_embeddings(encoder, scans, batch_size, "untrained encoder")


def brain_volumes(scans: pd.DataFrame, qc: pd.DataFrame) -> np.ndarray:
    """Volume of the brain mask before any alignment, in millilitres, in the order of `scans`; (scans,).

    Raises
    ------
    UserError
        A scan has no such volume in the table of quality control.
    """
    found = scans[SCAN_KEY].merge(qc[[*SCAN_KEY, BRAIN_VOLUME]], on=SCAN_KEY, how="left", validate="one_to_one")
    missing = found[found[BRAIN_VOLUME].isna()]
    if len(missing):
        named = f"none for {missing['subject'].iloc[0]} {missing['session'].iloc[0]}"
        raise UserError("results/qc.csv", "a brain volume for every scan", named, "run the rule qc again")
    return found[BRAIN_VOLUME].to_numpy(dtype=float)


def _voxels(scans: pd.DataFrame, batch_size: int, label: str) -> np.ndarray:
    return np.concatenate([images.flatten(1).numpy() for _, images in scan_batches(scans, batch_size, label)])
