"""Published weights: torchvision's own addresses, and files that are found, missing or damaged."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torchvision.models

from ldae.config.published import (
    FILES,
    OF_LPIPS,
    OF_THE_PAPER,
    TORCHVISION,
    PublishedFile,
    check_content,
    expect_published,
    find_published,
)
from ldae.errors import UserError

THEIRS = {
    "squeezenet": "SqueezeNet1_1_Weights",
    "alexnet": "AlexNet_Weights",
    "vgg16": "VGG16_Weights",
    **{f"convnext_{size}": f"ConvNeXt_{size.title()}_Weights" for size in ("tiny", "small", "base", "large")},
}


def test_the_addresses_are_torchvisions_and_their_names_hold_the_hashes():
    for name, theirs in THEIRS.items():
        assert FILES[name].url == getattr(torchvision.models, theirs).IMAGENET1K_V1.url
        assert len(FILES[name].sha256_prefix) == 8
    assert {name for name, file in FILES.items() if file.site == TORCHVISION} == set(THEIRS)
    assert FILES["medicalnet"].sha256_prefix == ""
    assert {*OF_LPIPS.values(), *OF_THE_PAPER} <= set(FILES)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "torch" / "hub" / "checkpoints"


def test_the_folder_comes_before_torch_hubs_cache(hub, tmp_path):
    file = FILES["squeezenet"].file
    assert find_published("squeezenet", tmp_path) is None
    (hub / file).touch()
    assert find_published("squeezenet", tmp_path) == hub / file
    (tmp_path / file).touch()
    assert find_published("squeezenet", tmp_path) == tmp_path / file


@pytest.mark.parametrize("variables", [{"XDG_CACHE_HOME": "{0}/cache"}, {"HOME": "{0}"}, {"TORCH_HOME": "{0}/else"}])
def test_the_cache_is_where_torch_has_it(variables, tmp_path, monkeypatch):
    import torch

    monkeypatch.setattr(torch.hub, "_hub_dir", None)  # what another test may have set

    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    place = Path(torch.hub.get_dir()) / "checkpoints" / FILES["alexnet"].file
    assert place.is_relative_to(tmp_path)
    place.parent.mkdir(parents=True)
    place.touch()
    assert find_published("alexnet", tmp_path / "weights") == place


def test_a_missing_file_is_named_with_its_place_its_address_and_the_command(hub, tmp_path):
    with pytest.raises(UserError) as error:
        expect_published("encoder.backbone_weights", "convnext_small", tmp_path)
    message = str(error.value)
    assert message.startswith("encoder.backbone_weights: published") and str(tmp_path) in message
    assert f"ldae fetch-weights --into {tmp_path};" in message and FILES["convnext_small"].url in message
    with pytest.raises(UserError, match=f"ldae fetch-weights --into {tmp_path} convnext_base;"):
        expect_published("encoder.backbone_weights", "convnext_base", tmp_path)


def test_the_content_must_begin_with_the_published_hash(tmp_path, monkeypatch):
    digest = hashlib.sha256(b"weights").hexdigest()
    right = PublishedFile(f"net-{digest[:8]}.pth", TORCHVISION, "a net")
    monkeypatch.setitem(FILES, "net", right)
    path = tmp_path / right.file
    path.write_bytes(b"weights")
    assert check_content(path, path) == digest
    path.write_bytes(b"weight")
    with pytest.raises(UserError, match=rf"net-{digest[:8]}\.pth[\s\S]*begins with {digest[:8]}[\s\S]*fetch-weights"):
        check_content(path, path)
