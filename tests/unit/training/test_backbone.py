"""ImageNet weights of the backbone: read from the named file, strictly, and by trainings alone."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import convnext_tiny

from ldae.errors import UserError
from ldae.networks.encoder import build_semantic_encoder
from ldae.training.backbone import load_backbone_weights

GRID = (32, 32, 4)


@pytest.fixture
def named(encoder_config, tmp_path):
    changes = {"backbone": "convnext_tiny", "backbone_weights": str(tmp_path / "convnext_tiny.pth")}
    return encoder_config.model_copy(update=changes)


def test_the_named_file_is_the_one_used_and_the_stem_is_summed(named):
    torch.manual_seed(0)
    source = convnext_tiny(weights=None)
    torch.save(source.state_dict(), named.backbone_weights)
    encoder = build_semantic_encoder(named, GRID)
    load_backbone_weights(encoder, named, named.backbone_weights)
    stem = encoder.backbone.features[0][0]
    assert torch.equal(stem.weight, source.features[0][0].weight.sum(1, keepdim=True))
    assert torch.equal(encoder.backbone.features[1][0].layer_scale, source.features[1][0].layer_scale)


def test_null_leaves_the_random_weights(encoder_config):
    encoder = build_semantic_encoder(encoder_config, GRID)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    load_backbone_weights(encoder, encoder_config, None)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


@pytest.mark.parametrize("content", [None, b"", b"not a net", {"weight": torch.zeros(1)}, [torch.zeros(1)]])
def test_an_absent_or_another_file_is_refused(named, content):
    if isinstance(content, bytes):
        with open(named.backbone_weights, "wb") as stream:
            stream.write(content)
    elif content is not None:
        torch.save(content, named.backbone_weights)
    with pytest.raises(UserError, match=r"convnext_tiny\.pth[\s\S]*the key to null"):
        load_backbone_weights(build_semantic_encoder(named, GRID), named, named.backbone_weights)


def test_published_weights_that_were_not_found_are_never_replaced_by_random_ones(encoder_config):
    asked = encoder_config.model_copy(update={"backbone_weights": "published"})
    with pytest.raises(UserError, match=r"encoder.backbone_weights: published[\s\S]*no file"):
        load_backbone_weights(build_semantic_encoder(asked, GRID), asked, None)
