"""A trained model at tiny sizes, on a grid that holds the whole brain, with all files that `ldae.load` wants."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from ldae.config.load import Config, load_config
from ldae.evaluation.features.embeddings import Embeddings
from ldae.evaluation.measure.familiarity import build_reference
from ldae.evaluation.tables.predictions import fit_probes
from ldae.files import hash_file, write_json
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.networks.autoencoder import build_autoencoder
from ldae.networks.diffusion import build_denoiser, build_schedule
from ldae.networks.representation import build_representation
from ldae.preprocessing.grid import mni_template, model_grid
from ldae.systems.codes import Codes, encode_scans
from ldae.systems.description import MODEL, write_description
from ldae.systems.ldae import PARTS, LatentDiffusionAutoencoder
from ldae.systems.probes import StoredProbes
from ldae.weights import save_tensors, save_weights
from tests.unit.evaluation.codes import make_embeddings
from tests.unit.sources import ROOT
from tests.unit.systems.conftest import wake

COHORT = {
    "subjects": {"train": 120, "validation": 48, "test": 72},
    "scans": {"train": 120, "validation": 48, "test": 72},
}


def tiny_config() -> Config:
    config = load_config(ROOT / "config.yaml")
    unet = {"channels": [8, 16], "attention_levels": [False, True], "head_channels": 8, "norm_groups": 4}
    parts = {
        "preprocessing": {"grid_shape": (16, 24, 16), "grid_spacing_mm": 12.0},
        "autoencoder": {"channels": [8, 8, 8], "norm_groups": 4},
        "ldm": {"residual_blocks": 1, **unet},
        "encoder": {"semantic_dim": 8},
        "sampling": {"steps": 3},
    }
    changed = {name: getattr(config, name).model_copy(update=part) for name, part in parts.items()}
    return config.model_copy(update=changed)


def template_scan(config: Config) -> np.ndarray:
    """A preprocessed scan: the MNI152 brain on the model's grid."""
    template = mni_template(model_grid(config.preprocessing))
    return np.where(template.brain, template.t1 / template.t1[template.brain].max(), 0).astype(np.float32)


def write_scan(path: Path, data: np.ndarray, config: Config) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, model_grid(config.preprocessing).affine), path)
    return path


def write_model(folder: Path, config: Config, seed: int = 0) -> None:
    """Random weights that answer to y_sem, and probes and a reference around what they make of the MNI152 brain."""
    torch.manual_seed(seed)
    grid = config.preprocessing.grid_shape
    denoiser = build_denoiser(config.ldm, config.diffusion, 3)
    torch.nn.init.normal_(denoiser.out[-1].conv.weight, std=0.002)
    normalizer = LatentNormalizer((3, *(size // 4 for size in grid)))
    normalizer.std.fill_(2.0)
    representation = build_representation(config.encoder, denoiser, grid)
    wake(representation.gradient_estimator, 0.3)
    torch.nn.init.normal_(representation.gradient_estimator.out[-1].conv.weight, std=0.3)
    autoencoder = build_autoencoder(config.autoencoder)
    modules = {"autoencoder": autoencoder, "latent_statistics": normalizer, "ldm": denoiser}
    for name, module in {**modules, "representation": representation}.items():
        sections, parents = PARTS[name]
        described = {"config": config.model_dump(mode="json", include=set(sections)), "seed": seed}
        described["parents"] = {parent: hash_file(folder / f"{parent}.safetensors") for parent in parents}
        save_weights(module, folder / f"{name}.safetensors", described)
    schedule = build_schedule(config.diffusion)
    system = LatentDiffusionAutoencoder(autoencoder, normalizer, denoiser, representation, schedule)
    codes, errors = _codes(system, config)
    embeddings = make_embeddings(1.5)
    features = codes.y_sem[0].numpy() + (embeddings.features - 100) / 50
    embeddings = Embeddings(features.astype(np.float32), embeddings.table, embeddings.names)
    hashes = {name: hash_file(folder / f"{name}.safetensors") for name in PARTS}
    probes = fit_probes(embeddings, config.evaluation.probes)
    stored = StoredProbes(representation_sha256=hashes["representation"], probes=probes)
    write_json(folder / "probes.json", stored.model_dump())
    reference = build_reference(embeddings, codes, errors, 0)
    save_tensors(vars(reference), folder / "reference.safetensors", {"parents": hashes, "validation_scans": len(codes)})
    write_description(folder, config, COHORT | {"diagnoses": {"AD": 80, "CN": 80, "MCI": 80}}, True, folder / MODEL)


def _codes(system: LatentDiffusionAutoencoder, config: Config) -> tuple[Codes, torch.Tensor]:
    """Codes of noisy copies of the MNI152 brain, which stand for the validation scans."""
    generator = torch.Generator().manual_seed(5)
    brain = torch.from_numpy(template_scan(config))[None, None]
    copies = brain * (1 + 0.3 * torch.randn(6, 1, 1, 1, 1, generator=generator)).clamp(0.4, 1.0)
    copies = (copies + 0.05 * torch.rand(copies.shape, generator=generator) * (brain > 0)).clamp(0, 1)
    codes = encode_scans(system, copies, config.sampling.steps, config.sampling.solver)
    return codes, (system.decode_image(codes.z_0) - copies).square().flatten(1).mean(1)
