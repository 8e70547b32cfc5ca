"""What every learnt representation has to beat, as far as it takes no label: volumes, principal components, chance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ldae.config.load import Config
from ldae.config.preprocessing import PreprocessingConfig
from ldae.data.batches import scan_batches
from ldae.data.scans import SCAN_KEY, read_scans
from ldae.errors import UserError
from ldae.evaluation.features.components import voxel_components
from ldae.evaluation.features.embeddings import Embeddings, constant, embeddings_of, write_embeddings
from ldae.evaluation.features.morphometry import NAMES, measure_shares
from ldae.files import read_table
from ldae.preprocessing.grid import model_grid

BRAIN_VOLUME = "brain_volume_ml"


def write_baselines(scans: str | Path, qc: str | Path, config: Config, outputs: Mapping[str, str | Path]) -> None:
    """Make the features of the baselines that need no network, and write an NPZ each.

    Parameters
    ----------
    scans, qc : path
        The table of scans, the table of quality control.
    config : Config
        preprocessing and evaluation.batch_size.
    outputs : mapping
        Files by name: mean, volumes, pca.
    """
    table, quality, batch_size = read_scans(scans), read_qc(qc), config.evaluation.batch_size
    write_embeddings(outputs["mean"], constant(table))
    write_embeddings(outputs["volumes"], volumes(table, quality, config.preprocessing, batch_size))
    write_embeddings(outputs["pca"], voxel_components(table, batch_size))


def read_qc(path: str | Path) -> pd.DataFrame:
    """Read the table of quality control, as far as features are made of it."""
    return read_table(path, (*SCAN_KEY, BRAIN_VOLUME), dtype=dict.fromkeys(SCAN_KEY, str))


def volumes(scans: pd.DataFrame, qc: pd.DataFrame, config: PreprocessingConfig, batch_size: int) -> Embeddings:
    """Tissues and regions as shares of the brain (see `morphometry`), and the brain's volume in millilitres."""
    grid = model_grid(config)
    measured = [
        measure_shares(image.numpy(), grid)
        for _, images in scan_batches(scans, batch_size, "volumes")
        for image in images[:, 0]
    ]
    features = np.column_stack([np.array(measured), brain_volumes(scans, qc)])
    return embeddings_of(features, scans, (*NAMES, BRAIN_VOLUME))


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
