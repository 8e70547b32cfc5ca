"""Gradients in bfloat16 on a CPU are those of float32, to bfloat16's rounding."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from ldae.training.sound_gradients import convolve_soundly


def gradients(net: nn.Module, x: torch.Tensor, bfloat16: bool) -> list[torch.Tensor]:
    net.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        y = net(x)
    y.float().square().mean().backward()
    return [parameter.grad.clone() for parameter in net.parameters()]


@pytest.mark.parametrize("shape", [(2, 3, 2), (2, 2, 2), (2, 1, 5), (3, 2, 2), (1, 2, 2), (4, 4, 4)])
def test_convolutions_over_few_planes(shape):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv3d(32, 64, 3, padding=1), nn.SiLU(), nn.Conv3d(64, 8, 3, padding=1))
    convolve_soundly(net)
    x = torch.randn(2, 32, *shape)
    for found, expected in zip(gradients(net, x, True), gradients(net, x, False), strict=True):
        assert (found - expected).abs().max() < 0.05 * expected.abs().max()


def test_names_of_weights_stay():
    net = nn.Sequential(nn.Conv3d(2, 2, 3))
    names = list(net.state_dict())
    convolve_soundly(net)
    assert list(net.state_dict()) == names


def test_a_copy_such_as_the_moving_average_has_weights_of_its_own():
    net = nn.Sequential(nn.Conv3d(1, 1, 3, padding=1))
    convolve_soundly(net)
    copy = deepcopy(net)
    nn.init.zeros_(copy[0].weight), nn.init.zeros_(copy[0].bias)
    x = torch.ones(1, 1, 2, 2, 2)
    assert not copy(x).any() and net(x).any()
