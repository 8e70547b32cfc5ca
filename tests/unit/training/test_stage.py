"""Networks that are used and never trained."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from ldae.training.stage import Frozen, Stage


def test_a_step_of_the_optimizer_is_one_kernel(make_training):
    stage = Stage(make_training())
    optimizers, _ = stage.scheduled(*(torch.optim.Adam(nn.Linear(2, 2).parameters()) for _ in range(2)))
    assert all(group["fused"] for optimizer in optimizers for group in optimizer.param_groups)


def test_a_frozen_network_is_no_part_of_its_stage(make_training):
    stage = Stage(make_training())
    stage.net, stage.frozen = nn.Linear(2, 2), Frozen(nn.Sequential(nn.Linear(2, 2), nn.Dropout()))
    stage.train()
    assert set(stage.state_dict()) == {"net.weight", "net.bias"}
    network = stage.frozen.to(torch.device("cpu"))
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert deepcopy(stage).frozen is stage.frozen
