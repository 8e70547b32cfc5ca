"""A trained LDAE as one object: both ways through the diffusion, strict loading."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from ldae.errors import UserError
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.networks.autoencoder import build_autoencoder
from ldae.networks.diffusion import build_denoiser
from ldae.networks.representation import build_representation
from ldae.systems.ldae import LatentDiffusionAutoencoder
from tests.unit.systems.conftest import GRID, wake


def test_shapes_and_ranges(model):
    x = torch.rand(2, 1, *GRID)
    z_0, y_sem = model.encode_image(x), model.encode_semantic(x)
    assert z_0.shape == (2, 3, 4, 4, 4)
    assert y_sem.shape == (2, 8)
    decoded = model.decode_image(z_0)
    assert decoded.shape == x.shape
    assert decoded.min() >= 0
    assert decoded.max() <= 1


def test_latents_are_the_normalised_posterior_mean(model):
    x = torch.rand(2, 1, *GRID)
    z_mu, _ = model.autoencoder.encode(x)
    assert torch.allclose(model.encode_image(x), (z_mu - model.normalizer.mean) / 2, atol=1e-6)
    assert torch.allclose(model.normalizer.denormalize(model.encode_image(x)), z_mu, atol=1e-5)


@pytest.mark.parametrize("solver, steps, tolerance", [("2m", 10, 0.05), ("ddim", 40, 0.1)])
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


def test_y_sem_shifts_eps_by_the_root_of_one_minus_abar(model):
    """PDAE, equation 11, at two levels at once."""
    model = deepcopy(model)
    wake(model.representation.gradient_estimator, 0.3)
    wake(model.denoiser, 0.3)
    z_t, t, y_sem = torch.randn(2, 3, 4, 4, 4), torch.tensor([20.0, 700.0]), torch.randn(2, 8)
    abar = model.schedule.alphas_cumprod[[20, 700]].float().view(2, 1, 1, 1, 1)
    with torch.inference_mode():
        shift = model.representation.gradient_estimator(model.denoiser.encode(z_t, t), y_sem)
        expected = model.denoiser(z_t, t) - (1 - abar).sqrt() * shift
    assert shift.abs().max() > 1e-2
    torch.testing.assert_close(model.predict_noise(z_t, t, y_sem), expected)
    torch.testing.assert_close(model.predict_noise(z_t, t, None), expected + (1 - abar).sqrt() * shift)


def test_the_sampler_asks_at_each_level_s_own_timestep(model):
    asked = []
    model = deepcopy(model)
    model.predict_noise = lambda z_t, t, y_sem: asked.append((t.tolist(), y_sem)) or torch.zeros_like(z_t)
    z, y_sem = torch.randn(2, 3, 4, 4, 4), torch.randn(2, 8)
    model.encode_stochastic(z, y_sem, 3, "ddim")
    model.decode_stochastic(z, None, 3, "ddim")
    assert [t for t, _ in asked] == [[level, level] for level in (0, 333, 666, 999, 666, 333)]
    assert [code is None for _, code in asked] == [False] * 3 + [True] * 3
    assert torch.equal(asked[0][1], y_sem)


@pytest.mark.parametrize("conditional", [True, False])
def test_in_mixed_precision_the_networks_compute_in_bfloat16_and_the_sampler_does_not(model, conditional):
    exact, mixed = deepcopy(model), deepcopy(model)
    mixed.precision = "bf16-mixed"
    kinds, z_types = [], []
    mixed.denoiser.out[-1].conv.register_forward_hook(lambda module, inputs, output: kinds.append(output.dtype))
    mixed.denoiser.conv_in.register_forward_pre_hook(lambda module, inputs: z_types.append(inputs[0].dtype))
    z_T, y_sem = torch.randn(2, 3, 4, 4, 4), torch.randn(2, 8) if conditional else None
    wanted, made = (system.decode_stochastic(z_T, y_sem, 5, "2m") for system in (exact, mixed))
    assert set(kinds) == {torch.bfloat16} and set(z_types) == {torch.float32}
    assert made.dtype == torch.float32 and not torch.equal(made, wanted)
    assert ((made - wanted).norm() / wanted.norm()).item() < 0.01
    images = torch.rand(1, 1, *GRID)
    assert torch.equal(mixed.encode_image(images), exact.encode_image(images))


@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_the_precision_is_the_configuration_s_where_the_processor_has_it(folder, config, monkeypatch, has_bfloat16):
    monkeypatch.setattr("ldae.precision.has_fast_bfloat16", lambda: has_bfloat16)
    for precision in ("32-true", "bf16-mixed"):
        sampling = config.sampling.model_copy(update={"precision": precision})
        chosen = config.model_copy(update={"sampling": sampling})
        used = LatentDiffusionAutoencoder.load(folder, chosen, "cpu").precision
        assert used == (precision if has_bfloat16 else "32-true")


def test_an_image_is_decoded_through_the_statistics_and_cut(model):
    model = deepcopy(model)
    model.autoencoder.decode = lambda z: z[:, :1] - 0.5
    z_0 = torch.full((1, 3, 4, 4, 4), 0.4)
    expected = (0.4 * 2 + model.normalizer.mean[:1] - 0.5).clamp(0, 1)
    torch.testing.assert_close(model.decode_image(z_0)[0], expected)


def test_it_loads_what_was_saved(folder, config, model):
    loaded = LatentDiffusionAutoencoder.load(folder, config, "cpu")
    x, z, y_sem = torch.rand(1, 1, *GRID), torch.randn(1, 3, 4, 4, 4), torch.randn(1, 8)
    assert torch.equal(loaded.encode_semantic(x), model.encode_semantic(x))
    assert torch.equal(loaded.encode_image(x), model.encode_image(x))
    assert torch.equal(loaded.decode_stochastic(z, y_sem, 3, "2m"), model.decode_stochastic(z, y_sem, 3, "2m"))
    networks = (loaded.autoencoder, loaded.denoiser, loaded.representation)
    assert not any(net.training or any(p.requires_grad for p in net.parameters()) for net in networks)


@pytest.mark.parametrize(
    "section, key, value",
    [
        ("diffusion", "beta_end", 0.01),
        ("autoencoder", "kl_weight", 0.5),
        ("latents", "center", "channel"),
        ("encoder", "center_input", False),
        ("representation", "snr_exponent", 0.3),
        ("ldm", "learning_rate", 0.3),
    ],
)
def test_another_configuration_is_refused(folder, config, section, key, value):
    changed = getattr(config, section).model_copy(update={key: value})
    with pytest.raises(UserError, match=rf"{section}\.{key}"):
        LatentDiffusionAutoencoder.load(folder, config.model_copy(update={section: changed}), "cpu")


@pytest.mark.parametrize("name", ["autoencoder", "latent_statistics", "ldm", "representation"])
def test_a_missing_file_is_named(folder, config, name):
    (folder / f"{name}.safetensors").unlink()
    with pytest.raises(UserError, match=f"{name}.safetensors"):
        LatentDiffusionAutoencoder.load(folder, config, "cpu")


@pytest.mark.parametrize("name", ["autoencoder", "latent_statistics", "ldm"])
def test_a_file_of_another_training_with_the_same_settings_is_refused(folder, save, config, name):
    """Its own sidecar fits; what was built on the file it replaced tells."""
    other = {
        "autoencoder": build_autoencoder(config.autoencoder),
        "latent_statistics": LatentNormalizer((3, 4, 4, 4)),
        "ldm": build_denoiser(config.ldm, config.diffusion, 3),
    }
    save(name, other[name], seed=4)
    with pytest.raises(UserError, match=f"made from another {name}"):
        LatentDiffusionAutoencoder.load(folder, config, "cpu")


@pytest.mark.parametrize("named", ["nowhere.pth", "published"])
def test_it_loads_without_the_file_of_imagenet_weights(save, modules, config, tmp_path, named):
    encoder = config.encoder.model_copy(update={"backbone_weights": named})
    config = config.model_copy(update={"encoder": encoder})
    representation = build_representation(encoder, modules["ldm"], GRID)
    for name, module in {**modules, "representation": representation}.items():
        save(name, module)
    sidecar = tmp_path / "representation.json"
    sidecar.write_text(sidecar.read_text().replace('"backbone_weights": null', f'"backbone_weights": "{named}"'))
    assert LatentDiffusionAutoencoder.load(tmp_path, config, "cpu").encode_semantic(torch.rand(1, 1, *GRID)).shape == (
        1,
        8,
    )
