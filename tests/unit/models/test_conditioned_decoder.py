"""Where y_sem enters: h <- (1 + s_y) GN(h) + b_y."""

from __future__ import annotations

import pytest
import torch

from ldae.models.conditioned_decoder import ConditionedResBlock


@pytest.fixture
def block(denoiser):
    torch.manual_seed(0)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    block = ConditionedResBlock(denoiser.middle_block.resnet_1, 5)
    torch.nn.init.zeros_(block.scale_shift.weight)
    torch.nn.init.zeros_(block.scale_shift.bias)
    return block


INPUTS = torch.randn(2, 16, 4, 4, 4), torch.randn(2, 32), torch.randn(2, 5)


def test_a_neutral_condition_is_monais_block(block):
    x, time, y_sem = INPUTS
    torch.testing.assert_close(block(x, time, y_sem), block.block(x, time))


def test_a_scale_of_minus_one_leaves_the_shift_alone(block):
    x, time, y_sem = INPUTS
    channels = block.block.out_channels
    with torch.no_grad():
        block.scale_shift.bias[:channels] = -1
        block.scale_shift.bias[channels:] = torch.linspace(-1, 2, channels)
    shift = block.scale_shift.bias[channels:].view(1, -1, 1, 1, 1).expand(2, -1, 4, 4, 4)
    expected = block.block.skip_connection(x) + block.block.conv2(block.block.nonlinearity(shift))
    torch.testing.assert_close(block(x, time, y_sem), expected)


def test_each_scan_has_its_own_condition(block):
    torch.nn.init.normal_(block.scale_shift.weight)
    x, time, y_sem = INPUTS
    other = block(x, time, torch.stack([y_sem[0], y_sem[1] + 1]))
    own = block(x, time, y_sem)
    torch.testing.assert_close(own[0], other[0])
    assert (own[1] - other[1]).abs().max() > 1e-3
