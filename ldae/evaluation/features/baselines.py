"""What every learnt representation has to beat: facts about a person, volumes, principal components, chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA

from ldae.config.models import EncoderConfig
from ldae.config.preprocessing import PreprocessingConfig
from ldae.data.batches import scan_batches
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import COLUMNS, Embeddings, extract_embeddings, name_features
from ldae.evaluation.features.morphometry import NAMES, measure_shares
from ldae.models.semantic_encoder import SemanticEncoder
from ldae.preprocessing.grid import Grid

SCAN = ["subject", "session"]


def constant(dataset: pd.DataFrame) -> Embeddings:
    """Nothing about the scan: a probe on it predicts the training scans' mean."""
    return name_features(np.zeros((len(dataset), 1)), dataset, "constant")


def demographics(dataset: pd.DataFrame) -> Embeddings:
    """Age in years and sex (female 0, male 1; NaN where unknown)."""
    features = np.stack([dataset["age"], dataset["sex"].map({"F": 0.0, "M": 1.0})], 1).astype(float)
    return Embeddings(features, dataset[list(COLUMNS)].reset_index(drop=True), ("age", "sex"))


def with_brain_volume(demographics: Embeddings, qc: pd.DataFrame) -> Embeddings:
    """Age, sex, and the volume of the brain mask before any alignment, in millilitres."""
    volume = _of_scans(demographics.table, qc, "brain_volume_ml")[:, None]
    features = np.concatenate([demographics.features, volume], 1)
    return Embeddings(features, demographics.table, (*demographics.names, "brain_volume_ml"))


def volumes(dataset: pd.DataFrame, qc: pd.DataFrame, config: PreprocessingConfig, batch_size: int) -> Embeddings:
    """Tissues and ventricles as shares of the brain (see `morphometry`), and the brain's volume in millilitres."""
    grid = Grid(config.grid_shape, config.grid_spacing_mm, config.grid_center_mm)
    measured = [
        measure_shares(scan.numpy(), grid)
        for _, scans in scan_batches(dataset, batch_size, "volumes")
        for scan in scans[:, 0]
    ]
    features = np.column_stack([np.array(measured), _of_scans(dataset, qc, "brain_volume_ml")])
    return Embeddings(features, dataset[list(COLUMNS)].reset_index(drop=True), (*NAMES, "brain_volume_ml"))


def voxel_components(dataset: pd.DataFrame, batch_size: int) -> Embeddings:
    """Principal components of the voxels, as many as the training subjects allow (their number less one).

    They are fitted to one scan, the first, of each training subject; voxels that are background in all of these are
    left out.

    Raises
    ------
    UserError
        Fewer than two training subjects.
    """
    train = dataset[dataset["split"] == "train"].drop_duplicates("subject")
    if len(train) < 2:
        raise UserError("results/dataset.csv", "at least two training subjects", str(len(train)), "use more subjects")
    fitted = _voxels(train, batch_size, "PCA, fit")
    brain = fitted.any(0)
    pca = PCA(len(train) - 1, svd_solver="full").fit(fitted[:, brain])
    projected = [
        pca.transform(scans.flatten(1).numpy()[:, brain]) for _, scans in scan_batches(dataset, batch_size, "PCA")
    ]
    components = name_features(np.concatenate(projected), dataset, "component")
    return replace(components, fitted_to=tuple(train["subject"]))


def untrained(
    dataset: pd.DataFrame, config: EncoderConfig, mean_image: torch.Tensor, seed: int, batch_size: int
) -> Embeddings:
    """The semantic encoder with its initial weights, as the representation stage starts from.

    `mean_image` (1, 1, D, H, W) is what the trained encoder subtracts.
    """
    torch.manual_seed(seed)
    encoder = SemanticEncoder(config, tuple(mean_image.shape[2:])).eval().requires_grad_(False)
    encoder.set_mean_image(mean_image.cpu())
    return extract_embeddings(encoder, dataset, batch_size, "untrained encoder")


def _voxels(dataset: pd.DataFrame, batch_size: int, label: str) -> np.ndarray:
    return np.concatenate([scans.flatten(1).numpy() for _, scans in scan_batches(dataset, batch_size, label)])


def _of_scans(table: pd.DataFrame, qc: pd.DataFrame, column: str) -> np.ndarray:
    """A column of the QC table, in the order of `table`."""
    found = table[SCAN].merge(qc[[*SCAN, column]], on=SCAN, how="left", validate="one_to_one")[column]
    if found.isna().any():
        first = table.loc[found.isna().to_numpy(), SCAN].iloc[0]
        raise UserError(
            "results/qc.csv", "a row a scan", f"none of {first.subject} {first.session}", "run dataset again"
        )
    return found.to_numpy(dtype=float)
