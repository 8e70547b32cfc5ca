"""The reference that tells whether a new scan is like those that a model was trained on."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from ldae.config import names
from ldae.config.load import Config
from ldae.data.batches import scan_batches
from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.evaluation.features.embeddings import Embeddings, read_embeddings
from ldae.files import hash_file
from ldae.systems.codes import Codes, autoencoder_errors, encode_scans
from ldae.systems.ldae import LatentDiffusionAutoencoder
from ldae.systems.reference import Reference
from ldae.weights import save_tensors

logger = logging.getLogger(__name__)


def write_reference(
    scans: str | Path, embeddings: str | Path, models_dir: str | Path, config: Config, output: str | Path
) -> None:
    """Measure the training scans' y_sem and the validation scans' distances, and write ``reference.safetensors``.

    Parameters
    ----------
    scans, embeddings, models_dir, output : path
        The table of scans, y_sem of them, the folder of the LDAE's weights, the file to write.
    config : Config
        The sections of an LDAE, sampling, seed, and evaluation.batch_size.
    """
    table = read_scans(scans)
    system = LatentDiffusionAutoencoder.load(models_dir, config)
    validation = fitting_rows(table, "validation", scans)
    codes, errors = [], []
    for _, images in scan_batches(validation, config.evaluation.batch_size, "reference, validation scans"):
        part = encode_scans(system, images, config.sampling.steps, config.sampling.solver)
        codes.append(part)
        errors.append(autoencoder_errors(system, images, part.z_0))
    parents = {name: hash_file(Path(models_dir, f"{name}.safetensors")) for name in names.LDAE_MODELS}
    y_sem = read_embeddings(embeddings, parents["representation"])
    reference = build_reference(y_sem, Codes.join(codes), torch.cat(errors), config.seed)
    save_tensors(vars(reference), output, {"parents": parents, "validation_scans": len(validation)})


def build_reference(embeddings: Embeddings, validation: Codes, errors: torch.Tensor, seed: int) -> Reference:
    """The reference of training y_sem, and of the validation scans' codes and autoencoder errors (mse, (B,)).

    With fewer than two validation scans or three training scans it is one that calls no scan familiar or unfamiliar.
    """
    train = embeddings.features[(embeddings.table["split"] == "train").to_numpy()].astype("float64")
    if len(train) < 3 or len(validation) < 2:
        logger.warning(
            "`ldae predict` will not say how familiar a scan is: three training and two validation scans are needed, "
            "there are %d and %d",
            *(len(train), len(validation)),
        )
        return Reference.unknown(torch.from_numpy(train))
    spread = StandardScaler().fit(train).scale_
    pca = PCA(2, svd_solver="full").fit(train)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    reference = Reference(
        center=torch.from_numpy(train.mean(0)),
        precision=torch.from_numpy(LedoitWolf().fit(train / spread).precision_ / np.outer(spread, spread)),
        components=torch.from_numpy(pca.components_),
        map=torch.from_numpy(pca.transform(train))[order],
        validation=torch.zeros(0, 3, dtype=torch.float64),
    )
    measured = reference.measure(validation, errors).log()
    return Reference(**{**vars(reference), "validation": measured})
