"""A trained voxel DAE as one object."""

from __future__ import annotations

import pytest
import torch

from ldae.errors import UserError
from ldae.models.voxel_dae import resample
from ldae.systems.dae import VoxelDiffusionAutoencoder
from ldae.weights import save_weights
from tests.unit.systems.conftest import DAE_GRID, GRID


def test_the_dae_works_on_its_own_grid(dae):
    x = torch.rand(2, 1, *GRID)
    z_0 = dae.encode_image(x)
    assert z_0.shape == (2, 1, *DAE_GRID)
    assert -1 <= z_0.min() < 0 < z_0.max() <= 1
    assert torch.allclose(dae.decode_image(z_0), resample(x, DAE_GRID), atol=1e-6)
    y_sem = dae.network.semantic_encoder(resample(x, DAE_GRID))
    assert y_sem.shape == (2, 8)
    assert torch.equal(dae.encode_semantic(x), y_sem)
    assert dae.decode_image(torch.full_like(z_0, 3.0)).max() == 1


@pytest.mark.parametrize("solver, steps, tolerance", [("2m", 10, 0.05), ("ddim", 40, 0.1)])
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


def test_it_loads_without_the_published_weights_it_started_from(config, dae, tmp_path):
    started = config.encoder.model_copy(update={"backbone_weights": "published"})
    config = config.model_copy(update={"encoder": started})
    described = {"config": config.model_dump(mode="json", include={"dae", "diffusion", "encoder"})}
    save_weights(dae.network, tmp_path / "dae.safetensors", described | {"parents": {"pretrained": "a" * 64}})
    x = torch.rand(1, 1, *GRID)
    loaded = VoxelDiffusionAutoencoder.load(tmp_path, config, "cpu")
    assert torch.equal(loaded.encode_semantic(x), dae.encode_semantic(x))


def test_it_loads_strictly_and_by_its_own_settings(config, dae, tmp_path):
    described = {"config": config.model_dump(mode="json", include={"dae", "diffusion", "encoder"})}
    save_weights(dae.network, tmp_path / "dae.safetensors", described)
    x = torch.rand(1, 1, *GRID)
    slower = config.representation.model_copy(update={"learning_rate": 1e-9})
    loaded = VoxelDiffusionAutoencoder.load(tmp_path, config.model_copy(update={"representation": slower}), "cpu")
    assert torch.equal(loaded.encode_semantic(x), dae.encode_semantic(x))
    assert not any(parameter.requires_grad for parameter in loaded.network.parameters())
    for section, key, value in (
        ("encoder", "center_input", False),
        ("dae", "loss", "epsilon"),
        ("diffusion", "beta_end", 0.3),
    ):
        changed = getattr(config, section).model_copy(update={key: value})
        with pytest.raises(UserError, match=rf"{section}\.{key}"):
            VoxelDiffusionAutoencoder.load(tmp_path, config.model_copy(update={section: changed}), "cpu")
