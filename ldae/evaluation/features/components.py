"""Principal components of the voxels, from the products of scans with scans: memory is bounded whatever the cohort."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.decomposition import KernelPCA

from ldae.data.batches import scan_batches
from ldae.evaluation.features.embeddings import Embeddings, constant, name_features

logger = logging.getLogger(__name__)

BLOCK_BYTES = 3e9  # of training scans in memory at once; fewer bytes read the scans more often


def voxel_components(scans: pd.DataFrame, batch_size: int) -> Embeddings:
    """Principal components of the voxels, as many as the training subjects allow (their number less one).

    They are fitted to one scan, the first, of each training subject; voxels that are background in all of these are
    left out. One training subject has none: its feature is constant. With fewer scans than voxels the components follow
    from the scans' products alone (Sirovich & Kirby, J Opt Soc Am A 4:519, 1987), the same as from the voxels.
    """
    train = scans[scans["split"] == "train"].drop_duplicates("subject")
    if len(train) < 2:
        logger.warning("PCA of the voxels: one training subject has no principal component; the feature is constant")
        return constant(scans)
    products = _multiply(scans, train, batch_size)
    pca = KernelPCA(len(train) - 1, kernel="precomputed", eigen_solver="dense")
    pca.fit(products[scans.index.get_indexer(train.index)])
    components = name_features(pca.transform(products), scans, "component")
    return replace(components, fitted_to=tuple(train["subject"]), nested=True)


def _multiply(scans: pd.DataFrame, train: pd.DataFrame, batch_size: int) -> np.ndarray:
    """Products of all scans with the training scans, the training mean subtracted from both: (scans, training)."""
    brain, mean = _brain_and_mean(train, batch_size)
    products = np.empty((len(scans), len(train)))
    held = max(1, int(BLOCK_BYTES // mean.nbytes))
    for first in range(0, len(train), held):
        some = train.iloc[first : first + held]
        label = f"PCA, training scans {first + 1} to {first + len(some)} of {len(train)}"
        block = np.empty((len(some), len(mean)))
        for rows, voxels in _centred(some, brain, mean, batch_size, label):
            block[rows] = voxels
        for rows, voxels in _centred(scans, brain, mean, batch_size, f"{label} with all"):
            products[rows, first : first + len(some)] = voxels @ block.T
    return products


def _brain_and_mean(train: pd.DataFrame, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which voxels (D * H * W,) are no background in some scan, and the mean of these over all scans (voxels,)."""
    brain, total = np.array(False), np.array(0.0)
    for _, images in scan_batches(train, batch_size, "PCA, mean of the training scans"):
        voxels = images.flatten(1).numpy()
        brain, total = brain | voxels.any(0), total + voxels.sum(0, dtype=np.float64)
    return brain, total[brain] / len(train)


def _centred(
    scans: pd.DataFrame, brain: np.ndarray, mean: np.ndarray, batch_size: int, label: str
) -> Iterator[tuple[slice, np.ndarray]]:
    """The scans batch by batch: which rows of the table, and their voxels less the mean (B, voxels), float64."""
    first = 0
    for rows, images in scan_batches(scans, batch_size, label):
        yield slice(first, first + len(rows)), images.flatten(1).numpy()[:, brain] - mean
        first += len(rows)
