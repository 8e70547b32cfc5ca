"""The supervised encoder: one number per scan."""

from __future__ import annotations

import torch

from ldae.models.supervised import SupervisedEncoder

GRID = (16, 16, 8)


def test_gives_one_number_per_scan_and_trains_all_of_it(make_encoder):
    net = SupervisedEncoder(make_encoder(GRID))
    x = torch.rand(3, 1, *GRID)
    predicted = net(x)
    assert predicted.shape == (3,)
    torch.testing.assert_close(predicted, net.semantic_encoder(x) @ net.head.weight[0] + net.head.bias)
    predicted.sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_ages_are_standardised_by_stored_statistics(make_encoder):
    net = SupervisedEncoder(make_encoder(GRID))
    assert torch.equal(net.standardize(torch.tensor([0.0, 1.0])), torch.tensor([0.0, 1.0]))
    net.target_mean.fill_(75.0)
    net.target_std.fill_(5.0)
    assert torch.equal(net.standardize(torch.tensor([70.0, 80.0])), torch.tensor([-1.0, 1.0]))
    assert net.state_dict()["target_mean"] == 75.0
