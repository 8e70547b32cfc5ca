"""The trained model as one object: both ways through the diffusion, strict loading."""

from __future__ import annotations

import pytest
import torch

from ldae.config import Config, load_config
from ldae.diffusion.schedule import Schedule
from ldae.errors import UserError
from ldae.inference import LDAE
from ldae.models.autoencoder import build_autoencoder
from ldae.models.denoiser import build_denoiser
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.representation import Representation
from ldae.models.weights import save_weights

GRID = (16, 16, 16)


@pytest.fixture(scope="module")
def config() -> Config:
    config = load_config("config.yaml")
    parts = {
        "preprocessing": config.preprocessing.model_copy(update={"grid_shape": GRID}),
        "autoencoder": config.autoencoder.model_copy(update={"channels": [8, 8, 8], "norm_groups": 4}),
        "ldm": config.ldm.model_copy(
            update={"residual_blocks": 1, "channels": [8, 16], "head_channels": 8, "norm_groups": 4}
        ),
        "representation": config.representation.model_copy(update={"semantic_dim": 8}),
    }
    return config.model_copy(update=parts)


@pytest.fixture(scope="module")
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
        "representation": Representation(config.representation, denoiser, GRID),
    }


@pytest.fixture(scope="module")
def model(config, modules) -> LDAE:
    return LDAE(*modules.values(), Schedule(config.diffusion))


def test_shapes_and_ranges(model):
    x = torch.rand(2, 1, *GRID)
    z_0, y_sem = model.encode_image(x), model.encode_semantic(x)
    assert z_0.shape == (2, 3, 4, 4, 4) and y_sem.shape == (2, 8)
    decoded = model.decode_image(z_0)
    assert decoded.shape == x.shape and decoded.min() >= 0 and decoded.max() <= 1


def test_latents_are_the_normalised_posterior_mean(model):
    x = torch.rand(2, 1, *GRID)
    z_mu, _ = model.autoencoder.encode(x)
    assert torch.allclose(model.encode_image(x), (z_mu - model.normalizer.mean) / 2, atol=1e-6)
    assert torch.allclose(model.normalizer.denormalize(model.encode_image(x)), z_mu, atol=1e-5)


@pytest.mark.parametrize(("solver", "steps", "tolerance"), [("2m", 10, 0.05), ("ddim", 40, 0.1)])
@pytest.mark.parametrize("conditional", [True, False])
def test_encoding_then_decoding_returns(model, solver, steps, tolerance, conditional):
    z_0 = torch.randn(2, 3, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    y_sem = torch.randn(2, 8) if conditional else None
    z_T = model.encode_stochastic(z_0, y_sem, steps, solver)
    back = model.decode_stochastic(z_T, y_sem, steps, solver)
    assert ((back - z_0).norm() / z_0.norm()).item() < tolerance


def test_an_untrained_estimator_changes_nothing_and_a_trained_one_does(model):
    z_T = torch.randn(2, 3, 4, 4, 4, generator=torch.Generator().manual_seed(2))
    plain = model.decode_stochastic(z_T, None, 5, "2m")
    assert torch.equal(model.decode_stochastic(z_T, torch.randn(2, 8), 5, "2m"), plain)
    last = model.representation.gradient_estimator.out[-1].conv
    with torch.no_grad():
        last.bias.fill_(0.1)
    assert (model.decode_stochastic(z_T, torch.randn(2, 8), 5, "2m") - plain).abs().max() > 1e-3
    with torch.no_grad():
        last.bias.zero_()


def test_loads_what_was_saved_and_refuses_what_is_missing(config, modules, model, tmp_path):
    for name, module in modules.items():
        sidecar = {"config": config.model_dump(mode="json", include={"autoencoder", "ldm", "diffusion"})}
        save_weights(module, tmp_path / f"{name}.safetensors", sidecar)
    x = torch.rand(1, 1, *GRID)
    assert torch.equal(LDAE.load(tmp_path, config, "cpu").encode_semantic(x), model.encode_semantic(x))
    other = config.model_copy(update={"diffusion": config.diffusion.model_copy(update={"beta_end": 0.01})})
    with pytest.raises(UserError, match="diffusion.beta_end"):
        LDAE.load(tmp_path, other, "cpu")
    (tmp_path / "ldm.safetensors").unlink()
    with pytest.raises(UserError, match="ldm.safetensors"):
        LDAE.load(tmp_path, config, "cpu")
