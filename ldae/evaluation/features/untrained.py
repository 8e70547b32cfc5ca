"""The codes of the semantic encoder as it is before any training."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from ldae.config.load import Config
from ldae.config.models import EncoderConfig
from ldae.data.scans import read_scans
from ldae.evaluation.features.embeddings import Embeddings, extract_embeddings, write_embeddings
from ldae.networks.encoder import build_semantic_encoder
from ldae.systems.ldae import LatentDiffusionAutoencoder


def embed_untrained(scans: str | Path, models_dir: str | Path, config: Config, output: str | Path) -> None:
    """Encode every scan of `scans.csv` with random weights, beside the LDAE of `models_dir`.

    Parameters
    ----------
    scans, models_dir, output : path
        The table of scans, the folder of the LDAE's weights, the NPZ to write.
    config : Config
        The sections of an LDAE, seed and evaluation.batch_size.
    """
    ldae = LatentDiffusionAutoencoder.load(models_dir, config)
    mean_image = ldae.representation.semantic_encoder.mean_image
    codes = untrained(read_scans(scans), config.encoder, mean_image, config.seed, config.evaluation.batch_size)
    write_embeddings(output, codes)


def untrained(
    scans: pd.DataFrame, config: EncoderConfig, mean_image: torch.Tensor, seed: int, batch_size: int
) -> Embeddings:
    """The semantic encoder with random weights, the seed's, also where `config.backbone_weights` names a file.

    A training may start from that file; here nothing is trained, on ImageNet neither. `mean_image` (1, 1, D, H, W) is
    what the trained encoder subtracts; the codes are computed on its device, from the same weights on each.
    """
    torch.manual_seed(seed)
    encoder = build_semantic_encoder(config, tuple(mean_image.shape[2:])).eval().requires_grad_(False)
    encoder.to(mean_image.device).set_mean_image(mean_image)
    return extract_embeddings(lambda x: encoder(x.to(mean_image.device)), scans, batch_size, "untrained encoder")
