"""The trained model as one object: both ways through the diffusion, strict loading."""

from __future__ import annotations

import pytest
import torch

from ldae.config.load import Config, load_config
from ldae.diffusion.schedule import Schedule
from ldae.errors import UserError
from ldae.models.autoencoder import build_autoencoder
from ldae.models.denoiser import build_denoiser
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.representation import Representation
from ldae.models.supervised import SupervisedEncoder
from ldae.models.voxel_dae import VoxelDAE, resample
from ldae.models.weights import save_weights
from ldae.systems.dae import DAE
from ldae.systems.ldae import LDAE
from ldae.systems.supervised import load_supervised

GRID, DAE_GRID = (16, 16, 16), (16, 16, 8)


@pytest.fixture(scope="module")
def config() -> Config:
    config = load_config("config.yaml")
    parts = {
        "preprocessing": config.preprocessing.model_copy(update={"grid_shape": GRID}),
        "autoencoder": config.autoencoder.model_copy(update={"channels": [8, 8, 8], "norm_groups": 4}),
        "ldm": config.ldm.model_copy(
            update={"residual_blocks": 1, "channels": [8, 16], "head_channels": 8, "norm_groups": 4}
        ),
        "encoder": config.encoder.model_copy(update={"semantic_dim": 8}),
        "dae": config.dae.model_copy(
            update={
                "grid_shape": DAE_GRID,
                "channels": [8, 16],
                "attention_levels": [False, True],
                "head_channels": 8,
                "norm_groups": 4,
            }
        ),
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
        "representation": Representation(config.encoder, denoiser, GRID),
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


@pytest.fixture
def dae(config) -> DAE:
    torch.manual_seed(0)
    network = VoxelDAE(config.dae, config.encoder, config.diffusion)
    for name, parameter in network.up.named_parameters():
        if name.endswith(("conv2.conv.weight", "out.2.conv.weight")):  # MONAI starts them at zero
            torch.nn.init.normal_(parameter, std=0.02)
    return DAE(network, Schedule(config.diffusion))


def test_the_dae_works_on_its_own_grid(dae):
    x = torch.rand(2, 1, *GRID)
    z_0 = dae.encode_image(x)
    assert z_0.shape == (2, 1, *DAE_GRID) and -1 <= z_0.min() < 0 < z_0.max() <= 1
    assert torch.allclose(dae.decode_image(z_0), resample(x, DAE_GRID), atol=1e-6)
    assert dae.encode_semantic(x).shape == (2, 8)
    assert dae.decode_image(torch.full_like(z_0, 3.0)).max() == 1


@pytest.mark.parametrize(("solver", "steps", "tolerance"), [("2m", 10, 0.05), ("ddim", 40, 0.1)])
def test_the_dae_encodes_and_decodes_back(dae, solver, steps, tolerance):
    x = torch.rand(2, 1, *GRID, generator=torch.Generator().manual_seed(1))
    z_0, y_sem = dae.encode_image(x), dae.encode_semantic(x)
    z_T = dae.encode_stochastic(z_0, y_sem, steps, solver)
    back = dae.decode_stochastic(z_T, y_sem, steps, solver)
    assert ((back - z_0).norm() / z_0.norm()).item() < tolerance
    assert (dae.decode_stochastic(z_T, y_sem + 1, steps, solver) - back).abs().max() > 1e-4


def test_a_dae_that_predicts_the_noise_exactly_rebuilds_the_image_from_any_noise(dae):
    x = torch.rand(2, 1, *GRID)
    z_0 = dae.encode_image(x)

    def oracle(x_t, t, y_sem):
        signal, noise = dae.schedule.signal_and_noise(t)
        return (x_t - signal * z_0) / noise

    dae.network.forward = oracle
    z_T = torch.randn(z_0.shape, generator=torch.Generator().manual_seed(2))
    rebuilt = dae.decode_image(dae.decode_stochastic(z_T, torch.zeros(2, 8), 10, "2m"))
    torch.testing.assert_close(rebuilt, resample(x, DAE_GRID), rtol=0, atol=0.03)


def test_the_dae_and_the_supervised_encoder_load_strictly(config, dae, tmp_path):
    supervised = SupervisedEncoder(config.encoder, GRID)
    for name, module, sections in (
        ("dae", dae.network, {"dae", "diffusion"}),
        ("supervised_age", supervised, {"supervised"}),
    ):
        trained_with = config.model_dump(mode="json", include={*sections, "encoder"})
        save_weights(module, tmp_path / f"{name}.safetensors", {"config": trained_with})
    x = torch.rand(1, 1, *GRID)
    assert torch.equal(DAE.load(tmp_path, config, "cpu").encode_semantic(x), dae.encode_semantic(x))
    expected = supervised.eval().semantic_encoder(x)
    assert torch.equal(load_supervised(tmp_path, "age", config, "cpu")(x), expected)
    slower = config.representation.model_copy(update={"learning_rate": 1e-9})
    DAE.load(tmp_path, config.model_copy(update={"representation": slower}), "cpu")
    other = config.encoder.model_copy(update={"center_input": False})
    changed = config.model_copy(update={"encoder": other})
    with pytest.raises(UserError, match=r"encoder\.center_input"):
        DAE.load(tmp_path, changed, "cpu")
    with pytest.raises(UserError, match=r"encoder\.center_input"):
        load_supervised(tmp_path, "age", changed, "cpu")
    with pytest.raises(UserError, match="supervised_ad_cn"):
        load_supervised(tmp_path, "ad_cn", config, "cpu")
