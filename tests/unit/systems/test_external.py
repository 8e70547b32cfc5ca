"""Encoders from outside: what they are given, what is made of what they say, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from ldae.errors import UserError
from ldae.systems.external import load_external

SHAPE = (6, 8, 5)


class Encoder(nn.Module):
    """Two channels: the image, and half of it where it trains; with a dropout that must be off."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0]).view(1, 2, 1, 1, 1))
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[2] == 6, "this encoder wants 6 voxels"
        return self.drop(x * self.weight)


class Tuple(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


class Summed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum()


class Classes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).argmax(1, keepdim=True)


class Vector(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :3]


@pytest.fixture
def saved(tmp_path):
    def save(module: nn.Module) -> Path:
        torch.jit.save(torch.jit.script(module.train()), tmp_path / "theirs.ts")
        return tmp_path / "theirs.ts"

    return save


def scans(shape=SHAPE, batch=3):
    return torch.rand(batch, 1, *shape, generator=torch.Generator().manual_seed(1))


def test_every_number_or_the_means_of_the_channels_are_the_code_and_nothing_is_dropped(saved):
    file, x = saved(Encoder()), scans()
    flat, means = (load_external(file, SHAPE, form, "cpu")(x) for form in ("flatten", "average"))
    torch.testing.assert_close(flat, torch.cat([x, 2 * x], 1).flatten(1))
    torch.testing.assert_close(means, torch.stack([x.mean((1, 2, 3, 4)), 2 * x.mean((1, 2, 3, 4))], 1))
    assert not flat.requires_grad


def test_a_vector_is_taken_as_it_is(saved):
    x = scans()
    for form in ("flatten", "average"):
        torch.testing.assert_close(load_external(saved(Vector()), SHAPE, form, "cpu")(x), x.flatten(1)[:, :3])


def test_scans_are_stretched_to_the_size_it_takes(saved):
    x = scans((12, 9, 10))
    made = load_external(saved(Encoder()), SHAPE, "flatten", "cpu")(x)
    resized = interpolate(x, size=SHAPE, mode="trilinear", align_corners=False)
    torch.testing.assert_close(made, torch.cat([resized, 2 * resized], 1).flatten(1))


def test_a_size_that_it_does_not_take_is_said_with_its_own_words(saved):
    file = saved(Encoder())
    with pytest.raises(UserError, match="this encoder wants 6 voxels") as error:
        load_external(file, (7, 8, 5), "flatten", "cpu")(scans())
    assert error.value.where == str(file)
    assert "(3, 1, 7, 8, 5)" in error.value.expected and "input_shape" in error.value.cure


def test_memory_that_runs_out_is_no_fault_of_the_encoder(monkeypatch):
    def exhausted(x):
        raise torch.OutOfMemoryError("CUDA out of memory")

    network = type("Network", (), {"eval": lambda self: exhausted})()
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: network)
    with pytest.raises(torch.OutOfMemoryError):
        load_external("theirs.ts", SHAPE, "flatten", "cpu")(scans())


@pytest.mark.parametrize(
    "module, found",
    [(Tuple(), "tuple"), (Summed(), r"Tensor, torch.float32, \(\)"), (Classes(), r"Tensor, torch.int64, \(3, 1\)")],
)
def test_what_is_no_code_is_refused(saved, module, found):
    with pytest.raises(UserError, match=f"found:    {found}") as error:
        load_external(saved(module), SHAPE, "flatten", "cpu")(scans())
    assert "gives its features alone" in error.value.cure


def write_nothing(path):
    path.write_bytes(b"")


def write_text(path):
    path.write_text("weights\n" * 100, encoding="utf-8")


def write_state(path):
    torch.save(Encoder().state_dict(), path)


def write_archive(path):
    np.savez(path.with_suffix(".npz"), a=np.ones(3))
    path.with_suffix(".npz").rename(path)


@pytest.mark.parametrize("write", [write_nothing, write_text, write_state, write_archive])
def test_a_file_that_is_no_torchscript_is_refused_with_the_way_to_make_one(tmp_path, write):
    write(tmp_path / "theirs.ts")
    with pytest.raises(UserError, match="an encoder in TorchScript") as error:
        load_external(tmp_path / "theirs.ts", SHAPE, "flatten", "cpu")
    assert "torch.jit.save" in error.value.cure and error.value.found
