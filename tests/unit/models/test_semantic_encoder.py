"""The 2.5D encoder: shapes, real weight loading, its errors."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import convnext_tiny

from ldae.errors import UserError
from ldae.models.semantic_encoder import SemanticEncoder


@pytest.mark.parametrize("semantic_dim, grid", [(16, (32, 40, 32)), (128, (16, 16, 8))])
def test_gives_one_standardised_vector_a_scan(config, semantic_dim, grid):
    encoder = SemanticEncoder(config.encoder.model_copy(update={"semantic_dim": semantic_dim}), grid)
    y_sem = encoder(torch.rand(2, 1, *grid))
    assert y_sem.shape == (2, semantic_dim)
    assert torch.allclose(y_sem.mean(1), torch.zeros(2), atol=1e-5)


def test_sees_the_order_of_the_slices(config):
    encoder = SemanticEncoder(config.encoder, (16, 16, 8)).eval()
    x = torch.rand(1, 1, 16, 16, 8)
    assert (encoder(x) - encoder(x.flip(-1))).abs().max() > 1e-4


def test_the_mean_image_is_subtracted_and_stored(config):
    encoder = SemanticEncoder(config.encoder, (16, 16, 8)).eval()
    x, mean = torch.rand(2, 1, 16, 16, 8), torch.rand(1, 1, 16, 16, 8)
    plain = encoder(x - mean)
    encoder.set_mean_image(mean)
    assert torch.allclose(encoder(x), plain, atol=1e-5)
    assert torch.equal(encoder.state_dict()["mean_image"], mean)


def test_imagenet_weights_are_read_from_their_file_and_the_stem_is_summed(config, tmp_path):
    torch.manual_seed(0)
    source = convnext_tiny(weights=None)
    torch.save(source.state_dict(), tmp_path / "convnext_tiny.pth")
    update = {"backbone": "convnext_tiny", "backbone_weights": str(tmp_path / "convnext_tiny.pth")}
    encoder = SemanticEncoder(config.encoder.model_copy(update=update), (32, 32, 4))
    stem = encoder.backbone.features[0][0]
    assert torch.equal(stem.weight, source.features[0][0].weight.sum(1, keepdim=True))
    assert torch.equal(encoder.backbone.features[1][0].layer_scale, source.features[1][0].layer_scale)


@pytest.mark.parametrize(
    "update",
    [
        {"backbone": "convnext_gigantic"},
        {"backbone": "resnet18"},
        {"backbone": "convnext_tiny", "backbone_weights": "nowhere.pth"},
    ],
)
def test_wrong_backbones_are_named(config, update):
    with pytest.raises(UserError, match="cure"):
        SemanticEncoder(config.encoder.model_copy(update=update), (32, 32, 4))
