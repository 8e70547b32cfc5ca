"""y_sem of every scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ldae.config import names
from ldae.config.load import Config
from ldae.data.scans import read_scans
from ldae.evaluation.features.embeddings import extract_embeddings, write_embeddings
from ldae.files import hash_file
from ldae.systems.ldae import LatentDiffusionAutoencoder


def embed_with_ldae(scans: str | Path, models_dir: str | Path, config: Config, output: str | Path) -> None:
    """Encode y_sem of every scan of `scans.csv` with the LDAE of `models_dir`.

    Parameters
    ----------
    scans, models_dir, output : path
        The table of scans, the folder of the weights, the NPZ to write.
    config : Config
        The sections of an LDAE, and evaluation.batch_size.
    """
    ldae = LatentDiffusionAutoencoder.load(models_dir, config)
    codes = extract_embeddings(ldae.encode_semantic, read_scans(scans), config.evaluation.batch_size, names.LDAE)
    write_embeddings(output, replace(codes, weights_sha256=hash_file(Path(models_dir, "representation.safetensors"))))
