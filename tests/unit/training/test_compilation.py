"""torch.compile of a training's networks; where it does not work, they run as they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from ldae.training.compilation import compile_networks

CPU = torch.device("cpu")


class Layer(nn.Module):
    """PyTorch compiles no module of its own classes that is called directly."""

    def __init__(self, *sizes):
        super().__init__()
        self.linear = nn.Linear(*sizes)

    def forward(self, x):
        return nn.functional.silu(self.linear(x))


class Halves(nn.Module):
    """A network whose forward is never called, as the autoencoder's."""

    def __init__(self):
        super().__init__()
        self.first = Layer(3, 4)
        self.levels = nn.ModuleList([Layer(4, 4), Layer(4, 2)])

    def encode(self, x):
        x = self.first(x)
        for level in self.levels:
            x = level(x)
        return x


@pytest.fixture
def stage():
    torch.manual_seed(2)
    stage = nn.Module()
    stage.network = Halves()
    return stage


@pytest.fixture
def compiled(monkeypatch):
    """The modules that are compiled, by PyTorch's debugging backend, which needs no compiler."""
    original, found = torch.compile, []

    def note(function, *args, **kwargs):
        found.append(getattr(function, "__self__", function))
        return original(function, backend="eager")

    monkeypatch.setattr(torch, "compile", note)
    return found


def test_the_called_parts_are_compiled_in_place(stage, compiled):
    names, x = list(stage.state_dict()), torch.randn(5, 3)
    before = stage.network.encode(x)
    compile_networks(stage, CPU)
    assert compiled[1:] == [stage.network.first, *stage.network.levels]
    assert list(stage.state_dict()) == names
    counters.clear()
    torch.testing.assert_close(stage.network.encode(x), before)
    assert counters["stats"]["unique_graphs"] == 3


def test_where_nothing_can_be_compiled_that_is_said(stage, monkeypatch, caplog):
    def fail(function):
        def call(*args):
            raise RuntimeError("no C++ compiler\nand much more")

        return call

    monkeypatch.setattr(torch, "compile", fail)
    x = torch.randn(5, 3)
    before = stage.network.encode(x)
    with caplog.at_level("WARNING", logger="ldae"):
        compile_networks(stage, CPU)
    assert "the networks run uncompiled: RuntimeError: no C++ compiler" in caplog.text
    assert "much more" not in caplog.text
    assert torch.equal(stage.network.encode(x), before)
