"""The trained systems at tiny sizes, and their weights files."""

from __future__ import annotations

import pytest
import torch

from ldae.config.load import Config, load_config
from ldae.files import hash_file
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.networks.autoencoder import build_autoencoder
from ldae.networks.dae import build_voxel_dae
from ldae.networks.diffusion import build_denoiser, build_schedule
from ldae.networks.representation import build_representation
from ldae.systems.dae import VoxelDiffusionAutoencoder
from ldae.systems.ldae import PARTS, LatentDiffusionAutoencoder
from ldae.weights import save_weights
from tests.unit.sources import ROOT

GRID, DAE_GRID = (16, 16, 16), (16, 16, 8)


def wake(module: torch.nn.Module, std: float) -> None:
    """Give weights that MONAI starts at zero a value."""
    for name, parameter in module.named_parameters():
        if name.endswith(("conv2.conv.weight", "out.2.conv.weight")):
            torch.nn.init.normal_(parameter, std=std)


@pytest.fixture(scope="session")
def config() -> Config:
    config = load_config(ROOT / "config.yaml")
    unet = {"channels": [8, 16], "attention_levels": [False, True], "head_channels": 8, "norm_groups": 4}
    parts = {
        "preprocessing": {"grid_shape": GRID},
        "autoencoder": {"channels": [8, 8, 8], "norm_groups": 4},
        "ldm": {"residual_blocks": 1, **unet},
        "encoder": {"semantic_dim": 8},
        "dae": {"grid_shape": DAE_GRID, **unet},
        "sampling": {"precision": "32-true"},
    }
    return config.model_copy(
        update={name: getattr(config, name).model_copy(update=part) for name, part in parts.items()}
    )


@pytest.fixture(scope="session")
def modules(config) -> dict[str, torch.nn.Module]:
    torch.manual_seed(0)
    denoiser = build_denoiser(config.ldm, config.diffusion, 3)
    torch.nn.init.normal_(denoiser.out[-1].conv.weight, std=0.002)
    normalizer = LatentNormalizer((3, 4, 4, 4))
    normalizer.mean.normal_()
    normalizer.std.fill_(2.0)
    return {
        "autoencoder": build_autoencoder(config.autoencoder),
        "latent_statistics": normalizer,
        "ldm": denoiser,
        "representation": build_representation(config.encoder, denoiser, GRID),
    }


@pytest.fixture(scope="session")
def model(config, modules) -> LatentDiffusionAutoencoder:
    return LatentDiffusionAutoencoder(*modules.values(), build_schedule(config.diffusion))


@pytest.fixture
def save(config, tmp_path):
    """Write one file of an LDAE, described as its training does."""

    def write(name: str, module: torch.nn.Module, seed: int = 3) -> None:
        sections, parents = PARTS[name]
        described = {"config": config.model_dump(mode="json", include=set(sections)), "seed": seed}
        described["parents"] = {parent: hash_file(tmp_path / f"{parent}.safetensors") for parent in parents}
        save_weights(module, tmp_path / f"{name}.safetensors", described)

    return write


@pytest.fixture
def folder(save, modules, tmp_path):
    """The folder of a trained LDAE."""
    for name, module in modules.items():
        save(name, module)
    return tmp_path


@pytest.fixture
def dae(config) -> VoxelDiffusionAutoencoder:
    torch.manual_seed(0)
    network = build_voxel_dae(config.dae, config.encoder, config.diffusion)
    wake(network.up, 0.02)
    return VoxelDiffusionAutoencoder(network, build_schedule(config.diffusion))
