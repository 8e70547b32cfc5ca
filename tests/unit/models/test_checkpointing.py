"""Activation checkpointing: less is kept for the backward pass, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from ldae.models.autoencoder import Autoencoder
from ldae.models.checkpointing import checkpoint_activations
from ldae.models.representation import RepresentationNet
from ldae.models.supervised import SupervisedEncoder
from ldae.models.voxel_dae import VoxelDAE

GRID = (32, 32, 4)
SCANS, LATENTS, TIMES = torch.rand(2, 1, *GRID), torch.randn(2, 3, 4, 4, 4), torch.tensor([3, 700])
Case = tuple[nn.Module, Callable[[nn.Module], torch.Tensor]]


def rebuild(net: nn.Module) -> torch.Tensor:
    reconstruction, z_mu, z_sigma = net(SCANS)
    return reconstruction.square().mean() + z_mu.mean() + z_sigma.mean()


@pytest.fixture(params=["autoencoder", "denoiser", "representation", "dae", "supervised"])
def case(request, make_denoiser, make_encoder) -> Case:
    """A network in training, and a loss that goes through all of it; the encoders' ConvNeXt has stochastic depth."""
    torch.manual_seed(0)
    encoder = make_encoder(GRID, backbone="convnext_tiny")
    denoiser = make_denoiser("v", 1 if request.param == "dae" else 3)
    if request.param == "autoencoder":
        sizes = {"channels": [4, 8], "latent_channels": 3, "residual_blocks": 2, "norm_groups": 2}
        net, loss = Autoencoder(**sizes), rebuild
    elif request.param == "denoiser":
        net, loss = denoiser, lambda net: net(LATENTS, TIMES).square().mean()
    elif request.param == "representation":
        features = denoiser.requires_grad_(False).encode(LATENTS, TIMES)
        net = RepresentationNet(encoder, denoiser)

        def loss(net):
            return net.gradient_estimator(features, net.semantic_encoder(SCANS)).square().mean()

    elif request.param == "dae":
        net = VoxelDAE(encoder, denoiser)

        def loss(net):
            return net(SCANS, TIMES, net.semantic_encoder(SCANS)).square().mean()

    else:
        net, loss = SupervisedEncoder(encoder), lambda net: net(SCANS).square().mean()
    for parameter in net.parameters():  # MONAI starts some at zero, where no gradient passes
        nn.init.normal_(parameter, std=0.1)
    return net.train(), loss


def learn(net: nn.Module, loss: Callable[[nn.Module], torch.Tensor]) -> tuple[float, dict[str, torch.Tensor], int]:
    """The loss, the gradients by name, and how many values were kept for them."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, nn.Parameter):
            kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    torch.manual_seed(1)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        value = loss(net)
    value.backward()
    return value.item(), {name: parameter.grad for name, parameter in net.named_parameters()}, sum(kept.values())


def test_gradients_agree_and_far_less_is_kept_for_them(case):
    net, loss = case
    saving = deepcopy(net)
    checkpoint_activations(saving)
    (plain, gradients, everything), (value, again, inputs) = learn(net, loss), learn(saving, loss)
    assert value == pytest.approx(plain, rel=1e-6)
    assert gradients.keys() == again.keys() and None not in gradients.values()
    for name, gradient in gradients.items():
        torch.testing.assert_close(again[name], gradient, msg=name)
    assert inputs < everything / 2


def test_weights_keep_their_names_and_a_copy_is_a_network_of_its_own(case):
    net, loss = case
    saving = deepcopy(net)
    checkpoint_activations(saving)
    assert saving.state_dict().keys() == net.state_dict().keys()
    copied = deepcopy(saving)  # as the moving average of the weights does
    with torch.no_grad():
        for parameter in saving.parameters():
            parameter.zero_()
    assert learn(copied, loss)[0] == pytest.approx(learn(net, loss)[0], rel=1e-6)
