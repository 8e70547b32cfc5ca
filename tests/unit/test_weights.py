"""Weight files: strict, described, and refused with one clear message."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ldae.errors import UserError
from ldae.files import read_json
from ldae.weights import load_weights, save_weights

CONFIG = {"ldm": {"channels": [8, 16], "training": {"steps": 10}}}


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    path = tmp_path / "net.safetensors"
    save_weights(net, path, {"config": CONFIG, "seed": 3})
    return net, path


def test_weights_come_back_bit_by_bit(saved):
    net, path = saved
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    sidecar = load_weights(other, path, {"ldm": {"channels": (8, 16), "training": {"steps": 10}}})
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))
    assert sidecar["seed"] == 3


def test_sections_the_file_does_not_know_are_not_compared(saved):
    net, path = saved
    load_weights(net, path, {"qc": {"min_dice": 1}, **CONFIG})


def test_another_configuration_is_refused_by_key(saved):
    net, path = saved
    with pytest.raises(UserError, match=r"ldm\.training\.steps: 10 \(now 20\)"):
        load_weights(net, path, {"ldm": {"channels": [8, 16], "training": {"steps": 20}}})


@pytest.mark.parametrize(
    "training, found",
    [
        ({}, r"ldm\.training\.steps: 10 \(now None\)"),
        ({"steps": 10, "warm_up": 2}, r"ldm\.training\.warm_up: None \(now 2\)"),
    ],
)
def test_a_setting_more_or_less_is_another_configuration(saved, training, found):
    net, path = saved
    with pytest.raises(UserError, match=found):
        load_weights(net, path, {"ldm": {"channels": [8, 16], "training": training}})


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def swap_weights(path):
    save_weights(nn.Linear(1, 1), path.with_name("other.safetensors"), {})
    path.write_bytes(path.with_name("other.safetensors").read_bytes())


def remove_weights(path):
    path.unlink()


def remove_sidecar(path):
    path.with_suffix(".json").unlink()


def break_sidecar(path):
    path.with_suffix(".json").write_text("{")


def cut_sidecar(path):
    content = path.with_suffix(".json").read_bytes()
    path.with_suffix(".json").write_bytes(content[: len(content) // 2])


def flip_in_sidecar(path):
    """To a byte that no UTF-8 begins with."""
    content = path.with_suffix(".json").read_bytes()
    path.with_suffix(".json").write_bytes(content[:9] + b"\xff" + content[10:])


def list_for_sidecar(path):
    path.with_suffix(".json").write_text("[1]")


def flip_in_weights(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def swap_for_the_same_networks(path):
    save_weights(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), path.with_name("other.safetensors"), {})
    path.write_bytes(path.with_name("other.safetensors").read_bytes())


@pytest.mark.parametrize(
    "damage",
    [
        truncate, flip_in_weights, swap_for_the_same_networks, swap_weights, remove_weights,
        remove_sidecar, break_sidecar, cut_sidecar, flip_in_sidecar, list_for_sidecar,
    ],
)  # fmt: skip
def test_damaged_files_are_refused(saved, damage):
    net, path = saved
    damage(path)
    with pytest.raises(UserError, match="cure"):
        load_weights(net, path)


@pytest.mark.parametrize("other", [nn.Linear(3, 4), nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))])
def test_another_network_is_refused(saved, other):
    with pytest.raises(UserError, match="weights of this"):
        load_weights(other, saved[1])


def test_weights_made_beside_another_file_are_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    save_weights(nn.Linear(3, 4), path, {"parents": {"ldm": "a" * 64, "autoencoder": "b" * 64}})
    load_weights(nn.Linear(3, 4), path, parents={"ldm": "a" * 64, "unknown": "c" * 64})
    load_weights(nn.Linear(3, 4), path)
    with pytest.raises(UserError, match="made from another ldm"):
        load_weights(nn.Linear(3, 4), path, parents={"autoencoder": "b" * 64, "ldm": "d" * 64})


def test_sidecar_holds_the_files_hash(saved):
    assert len(read_json(saved[1].with_suffix(".json"))["weights_sha256"]) == 64
