"""The voxel DAE: one net whose every parameter trains, led by y_sem."""

from __future__ import annotations

import pytest
import torch

from ldae.models.voxel_dae import VoxelDAE, resample

GRID = (16, 16, 8)


@pytest.fixture(params=["epsilon", "v"])
def dae(make_encoder, make_denoiser, request) -> VoxelDAE:
    torch.manual_seed(0)
    net = VoxelDAE(make_encoder(GRID, semantic_dim=8, attention_heads=2), make_denoiser(request.param, 1))
    for name, parameter in net.named_parameters():
        if name.startswith(("down.", "up.")):
            torch.nn.init.normal_(parameter, std=0.1)
    return net


def test_eps_has_the_shape_of_x_t_and_follows_y_sem_and_time(dae):
    x_t, t = torch.randn(2, 1, *GRID), torch.tensor([3, 700])
    eps = dae(x_t, t, torch.zeros(2, 8))
    assert eps.shape == x_t.shape
    assert (dae(x_t, t, torch.ones(2, 8)) - eps).abs().max() > 1e-3
    assert (dae(x_t, t.flip(0), torch.zeros(2, 8)) - eps).abs().max() > 1e-3


def test_every_parameter_is_trained_that_of_the_encoder_through_y_sem_alone(dae):
    x = torch.rand(4, 1, *GRID)
    x_t, t = torch.randn_like(x), torch.tensor([1, 300, 600, 999])
    dae(x_t, t, dae.semantic_encoder(x)).square().mean().backward()
    without = [name for name, parameter in dae.named_parameters() if parameter.grad is None]
    assert not without
    assert dae.semantic_encoder.backbone.features[0][0].weight.grad.abs().max() > 0


def test_images_enter_from_minus_one_to_one(dae):
    x = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1, 1).expand(2, 1, *GRID)
    x_0 = dae.normalizer.normalize(x)
    assert x_0.unique().tolist() == [-1.0, 1.0]
    assert torch.equal(dae.normalizer.denormalize(x_0), x)


def test_resampling_keeps_the_field_of_view():
    ramp = (torch.arange(16) + 0.5).div(16).view(1, 1, 16, 1, 1).expand(1, 1, 16, 8, 8)
    assert torch.equal(resample(ramp, (16, 8, 8)), ramp)
    inner = resample(ramp, (14, 8, 8))[0, 0, 1:-1, 4, 4]
    torch.testing.assert_close(inner, (torch.arange(14) + 0.5)[1:-1] / 14)


def test_with_a_neutral_condition_it_is_the_denoiser(make_encoder, make_denoiser):
    denoiser = make_denoiser("v", 1)
    torch.nn.init.normal_(denoiser.out[-1].conv.weight, std=0.1)
    x_t, t = torch.randn(2, 1, *GRID), torch.tensor([3, 700])
    expected = denoiser(x_t, t)
    dae = VoxelDAE(make_encoder(GRID), denoiser)
    for name, parameter in dae.up.named_parameters():
        if "scale_shift" in name:
            torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(dae(x_t, t, torch.randn(2, 16)), expected, rtol=1e-4, atol=1e-5)
