"""Networks of random sizes: those that the configuration accepts can be built and run."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from math import ceil

import numpy as np
import pytest
import torch

from ldae.config.load import Config, load_config, parse_config
from ldae.config.partial import partial_config
from ldae.errors import UserError
from ldae.evaluation.measure.metrics import ms_ssim, ssim
from ldae.networks.autoencoder import build_autoencoder, build_discriminator
from ldae.networks.dae import build_voxel_dae
from ldae.networks.diffusion import build_denoiser
from ldae.networks.representation import build_representation
from tests.unit.config.conftest import ROOT

HALF_BRAIN_MM = (72.5, 90.5, 77.5)  # from the middle of the default grid to the brain's farther face
SIDES, CHANNELS, GROUPS, HEADS = (8, 10, 12, 16, 20, 24, 32), (4, 6, 8, 12), (1, 2, 3, 4), (1, 2, 3, 4, 6)
ACCEPTED = 8  # draws of each kind


@cache
def small_content() -> dict:
    """The content of config.yaml with the smallest networks, all of which fit together."""
    content = load_config(ROOT / "config.yaml").model_dump(mode="json")
    unet = {"channels": [4, 4], "attention_levels": [False, True], "head_channels": 2, "norm_groups": 2}
    content["autoencoder"] |= {"channels": [4, 4], "norm_groups": 2, "discriminator_channels": 2}
    content["ldm"] |= unet
    content["dae"] |= unet | {"grid_shape": [16, 16, 12]}
    content["encoder"] |= {"semantic_dim": 8, "attention_heads": 2}
    content["preprocessing"] |= grid((16, 20, 16))
    return content


def grid(shape) -> dict:
    """A grid of this shape whose voxels are as large as the brain demands."""
    spacing = max(2 * half / size for half, size in zip(HALF_BRAIN_MM, shape, strict=True))
    return {"grid_shape": [int(size) for size in shape], "grid_spacing_mm": float(ceil(spacing))}


def draw_autoencoder(rng, content) -> None:
    levels = rng.integers(1, 5)
    content["autoencoder"] |= {
        "channels": rng.choice(CHANNELS, levels).tolist(),
        "norm_groups": int(rng.choice(GROUPS)),
        "latent_channels": int(rng.integers(1, 4)),
        "residual_blocks": int(rng.integers(1, 3)),
        "discriminator_layers": int(rng.integers(1, 5)),
    }


def draw_grid(rng, content) -> None:
    content["preprocessing"] |= grid(rng.choice(SIDES, 3))


def draw_unet(rng, content, name) -> None:
    levels = int(rng.integers(1, 4))
    flags = levels if rng.random() < 0.8 else int(rng.integers(1, 4))
    content[name] |= {
        "channels": rng.choice(CHANNELS, levels).tolist(),
        "attention_levels": (rng.random(flags) < 0.5).tolist(),
        "head_channels": int(rng.choice(HEADS)),
        "norm_groups": int(rng.choice(GROUPS)),
        "residual_blocks": int(rng.integers(1, 3)),
        "prediction": str(rng.choice(["epsilon", "v"])),
    }


def draw_ldm(rng, content) -> None:
    draw_unet(rng, content, "ldm")


def draw_dae(rng, content) -> None:
    draw_unet(rng, content, "dae")
    content["dae"]["grid_shape"] = rng.choice(SIDES, 3).tolist()


def draw_encoder(rng, content) -> None:
    content["encoder"] |= {
        "semantic_dim": int(rng.integers(1, 14)),
        "attention_heads": int(rng.integers(1, 5)),
        "backbone": str(rng.choice(["convnext_pico", "convnext_tiny"], p=[0.97, 0.03])),
    }


DRAWS = {
    "autoencoder": [draw_autoencoder],
    "ldm": [draw_ldm],
    "dae": [draw_dae],
    "encoder": [draw_encoder],
    "grid": [draw_grid],
    "all": [draw_encoder, draw_autoencoder, draw_ldm, draw_dae, draw_grid],
}


def draw_accepted(rng, draws) -> tuple[Config, int]:
    """A configuration with sizes of each kind drawn until they are accepted, and how often they were refused."""
    content, refused = small_content(), 0
    for draw in draws:
        while True:
            tried = deepcopy(content)
            draw(rng, tried)
            try:
                config = parse_config(tried)
            except UserError:
                refused += 1
            else:
                content = tried
                break
    return config, refused


def run_networks(config: Config) -> None:
    """Build every network, and let one scan through each as a training and an evaluation do."""
    shape, levels = config.preprocessing.grid_shape, torch.tensor([1.5])
    x, rescaled = torch.rand(1, 1, *shape), torch.rand(1, 1, *config.dae.grid_shape)
    autoencoder = build_autoencoder(config.autoencoder)
    z_mu, _ = autoencoder.encode(x)
    rebuilt = autoencoder.decode(z_mu)
    build_discriminator(config.autoencoder)(rebuilt)
    denoiser = build_denoiser(config.ldm, config.diffusion, z_mu.shape[1])
    eps = denoiser(z_mu, levels)
    net = build_representation(config.encoder, denoiser, shape)
    shift = net.gradient_estimator(denoiser.encode(z_mu, levels), net.semantic_encoder(x))
    dae = build_voxel_dae(config.dae, config.encoder, config.diffusion)
    rescaled_eps = dae(rescaled, levels, dae.semantic_encoder(rescaled))
    for made, given in ((rebuilt, x), (eps, z_mu), (shift, z_mu), (rescaled_eps, rescaled)):
        assert made.shape == given.shape and made.isfinite().all()
    for one, other in ((rebuilt, x), (rescaled_eps, rescaled)):
        assert ssim(one, other).shape == ms_ssim(one, other).shape == (1,)


@pytest.mark.parametrize("drawn", DRAWS)
def test_what_is_accepted_runs(drawn):
    rng, refused = np.random.default_rng(11), 0
    for _ in range(ACCEPTED):
        config, times = draw_accepted(rng, DRAWS[drawn])
        refused += times
        with torch.no_grad():
            run_networks(config)
    assert refused > ACCEPTED / 3  # the draws reach beyond the rules


@pytest.mark.parametrize(
    "place, value, fails",
    [
        ("autoencoder.channels", [4, 5], "multiple of norm_num_groups"),
        ("autoencoder.discriminator_layers", 3, "more than 1 value per channel"),
        ("ldm.channels", [4, 7], "divisible|num_channels"),
        ("ldm.attention_levels", [True], "same|length|size|zip"),
        ("ldm.head_channels", 3, "divisible"),
        ("encoder.attention_heads", 3, "divisible"),
        ("preprocessing.grid_shape", [17, 20, 16], "torch.Size"),
        ("dae.grid_shape", [16, 16, 8], "at least 11"),
        ("dae.grid_shape", [12, 16, 16], "size"),
        ("dae.grid_shape", [16, 16, 13], "size|match"),
    ],
)
def test_what_is_refused_would_fail(place, value, fails):
    content = deepcopy(small_content())
    section, key = place.split(".")
    content[section][key] = value
    with pytest.raises(UserError):
        parse_config(content)
    with torch.no_grad(), pytest.raises(Exception, match=fails):
        run_networks(partial_config(content))
