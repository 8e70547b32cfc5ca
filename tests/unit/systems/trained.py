"""The files of a whole tiny model, as a run leaves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.config.evaluation import ProbesConfig
from ldae.config.load import Config
from ldae.config.names import LDAE_MODELS
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.measure.familiarity import build_reference
from ldae.evaluation.tables.predictions import fit_probes
from ldae.files import hash_file, write_json
from ldae.systems.codes import Codes, encode_scans
from ldae.systems.description import write_description
from ldae.systems.ldae import LatentDiffusionAutoencoder
from ldae.systems.probes import StoredProbes
from ldae.weights import save_tensors

STEPS = 2
SUBJECTS = 36
COHORT = {"subjects": {"train": 18, "validation": 9, "test": 9}}


def make_images(grid: tuple[int, ...], count: int, seed: int = 11) -> torch.Tensor:
    """Smooth blobs (count, 1, D, H, W) in 0..1 on an empty background, no two alike."""
    rng = np.random.default_rng(seed)
    axes = np.stack(np.meshgrid(*(np.linspace(-1, 1, size) for size in grid), indexing="ij"))
    images = []
    for _ in range(count):
        center, width = rng.uniform(-0.2, 0.2, (3, 1, 1, 1)), rng.uniform(0.3, 0.6)
        blob = np.exp(-((axes - center) ** 2).sum(0) / width)
        images.append(np.where(blob > 0.3, blob, 0))
    return torch.from_numpy(np.stack(images))[:, None].float()


def make_embeddings(model: LatentDiffusionAutoencoder, images: torch.Tensor) -> Embeddings:
    """Labelled y_sem of images, one subject each."""
    count = len(images)
    size = (images > 0).flatten(1).sum(1).numpy()
    table = pd.DataFrame({"subject": [f"S{i:02d}" for i in range(count)], "session": "M000"})
    table["split"] = np.array(["train", "train", "validation", "test"])[np.arange(count) % 4]
    table["diagnosis"] = np.where(size > np.median(size), "AD", "CN")
    table["age"] = 60 + 20 * size / size.max()
    return Embeddings(model.encode_semantic(images).numpy(), table.assign(sex="F", months=0))


def complete(folder: Path, model: LatentDiffusionAutoencoder, config: Config) -> None:
    """Put probes, reference and description beside the weights in `folder`."""
    images = make_images(tuple(config.preprocessing.grid_shape), SUBJECTS)
    embeddings = make_embeddings(model, images)
    hashes = {name: hash_file(folder / f"{name}.safetensors") for name in LDAE_MODELS}
    probes = fit_probes(embeddings, ProbesConfig(c_grid=[1.0], alpha_grid=[1.0], redraws=0))
    stored = StoredProbes(representation_sha256=hashes["representation"], probes=probes)
    write_json(folder / "probes.json", stored.model_dump())
    validation = images[torch.from_numpy((embeddings.table["split"] == "validation").to_numpy())]
    codes: Codes = encode_scans(model, validation, STEPS, "2m")
    errors = (model.decode_image(codes.z_0) - validation).square().flatten(1).mean(1)
    reference = build_reference(embeddings, codes, errors, seed=0)
    save_tensors(vars(reference), folder / "reference.safetensors", {"parents": hashes})
    chosen = config.model_copy(update={"sampling": config.sampling.model_copy(update={"steps": STEPS})})
    write_description(folder, chosen, COHORT, True, folder / "model.json")
