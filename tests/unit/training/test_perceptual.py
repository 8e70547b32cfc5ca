"""The perceptual loss: the named backbone, or none, and never another."""

from __future__ import annotations

import pytest
import torch

from ldae.errors import UserError
from ldae.training.autoencoder import AutoencoderStage
from ldae.training.perceptual import load_perceptual_loss


def test_null_leaves_the_loss_out_whatever_lies_in_a_cache_and_says_so(
    autoencoder_config, backbone, tmp_path, monkeypatch, caplog
):
    (tmp_path / "checkpoints").mkdir()
    backbone[0].rename(tmp_path / "checkpoints" / "squeezenet1_1-b8a52dc0.pth")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    config = autoencoder_config.model_copy(update={"perceptual_weight": 0.001})
    with caplog.at_level("WARNING", logger="ldae"):
        loss, reason = load_perceptual_loss(config, None)
    assert loss is None
    assert "perceptual_weights: published" in reason
    assert "without its perceptual loss" in caplog.text


@pytest.mark.parametrize("absent", [None, "absent.pth"])
def test_a_backbone_named_and_absent_is_an_error(autoencoder_config, tmp_path, absent):
    changes = {"perceptual_weight": 0.001, "perceptual_weights": "published"}
    with pytest.raises(UserError, match=r"perceptual_weights: published[\s\S]*no file"):
        load_perceptual_loss(autoencoder_config.model_copy(update=changes), absent and tmp_path / absent)


@pytest.fixture
def backbone(tmp_path):
    from torchvision.models import squeezenet1_1

    path = tmp_path / "mine.pth"
    torch.manual_seed(7)
    network = squeezenet1_1(weights=None)
    torch.save(network.state_dict(), path)
    return path, network


def test_the_named_backbone_is_the_one_used(autoencoder_config, backbone):
    path, network = backbone
    hub = torch.hub.get_dir()
    changes = {"perceptual_weight": 0.001, "perceptual_weights": str(path), "perceptual_slice_fraction": 0.3}
    loss, note = load_perceptual_loss(autoencoder_config.model_copy(update=changes), path)
    first = loss.perceptual_function.net.slice1[0].weight
    assert torch.equal(first, network.features[0].weight)
    assert loss.fake_3d_ratio == 0.3
    assert torch.hub.get_dir() == hub
    assert "mine.pth" in note
    scan = torch.rand(1, 1, 32, 32, 32)
    assert loss(scan, scan) == 0
    assert loss(scan, scan.flip(2)) > 0


def test_the_file_of_another_backbone_is_refused(autoencoder_config, tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    changes = {"perceptual_weight": 0.001, "perceptual_weights": str(tmp_path / "other.pth")}
    with pytest.raises(UserError, match=r"other\.pth[\s\S]*SqueezeNet 1.1"):
        load_perceptual_loss(autoencoder_config.model_copy(update=changes), tmp_path / "other.pth")


def test_the_perceptual_net_is_no_part_of_the_stage(autoencoder_config, backbone):
    changes = {"perceptual_weight": 0.001, "perceptual_weights": str(backbone[0])}
    config = autoencoder_config.model_copy(update=changes)
    stage = AutoencoderStage(config, load_perceptual_loss(config, backbone[0])[0])
    stage.train()
    assert not any("perceptual" in name for name in stage.state_dict())
    assert not stage.perceptual.network.training
