"""The 2.5D encoder: what the backbone is given, how its features are pooled, and its errors."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import convnext_tiny

from ldae.errors import UserError

GRID = (12, 16, 7)  # right-left, posterior-anterior, inferior-superior


class Recorder(nn.Module):
    """A backbone that keeps its input and gives each plane's mean as its features."""

    def __init__(self, features: int = 128) -> None:
        super().__init__()
        self.features = features

    def forward(self, planes):
        self.planes = planes
        return planes.mean((1, 2, 3))[:, None].expand(-1, self.features) * torch.linspace(-1, 1, self.features)


class Pick(nn.Module):
    """A score that puts all attention on one slice."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, tokens):
        scores = tokens.new_full((*tokens.shape[:2], 1), -1e4)
        scores[:, self.index] = 0
        return scores


class Query(nn.Module):
    """An attention that gives its query back."""

    def forward(self, query, keys, values, need_weights):
        assert query.shape[1] == 1
        assert keys is values
        return query, None


@pytest.mark.parametrize("semantic_dim, grid", [(16, (32, 40, 32)), (128, (16, 16, 8))])
def test_gives_one_standardised_vector_per_scan(make_encoder, semantic_dim, grid):
    y_sem = make_encoder(grid, semantic_dim=semantic_dim)(torch.rand(2, 1, *grid))
    assert y_sem.shape == (2, semantic_dim)
    assert torch.allclose(y_sem.mean(1), torch.zeros(2), atol=1e-5)


def test_the_backbone_is_given_axial_slices_of_the_centred_scans(make_encoder):
    encoder = make_encoder(GRID)
    encoder.backbone = Recorder()
    x, mean = torch.rand(2, 1, *GRID), torch.rand(1, 1, *GRID)
    encoder.set_mean_image(mean)
    encoder(x)
    planes = encoder.backbone.planes
    assert planes.shape == (2 * 7, 1, 12, 16)
    for scan in range(2):
        for z in range(7):
            assert torch.equal(planes[7 * scan + z, 0], x[scan, 0, :, :, z] - mean[0, 0, :, :, z])


@pytest.mark.parametrize("index", [0, 4])
def test_the_query_is_the_slices_token_with_its_position(make_encoder, index):
    encoder = make_encoder(GRID)
    encoder.backbone, encoder.score, encoder.attention = Recorder(), Pick(index), Query()
    nn.init.normal_(encoder.position)
    x = torch.rand(2, 1, *GRID)
    token = encoder.project(encoder.backbone(x[:, :, :, :, index])) + encoder.position[index]
    torch.testing.assert_close(encoder(x), encoder.norm(token), rtol=1e-4, atol=1e-4)


def test_all_slices_are_attended_to_and_scans_are_apart(make_encoder):
    torch.manual_seed(0)
    encoder = make_encoder((16, 16, 8)).eval()
    x = torch.rand(2, 1, 16, 16, 8)
    plain = encoder(x)
    for z in (0, 5, 7):
        changed = x.clone()
        changed[1, 0, :, :, z] = 0.0
        y_sem = encoder(changed)
        torch.testing.assert_close(y_sem[0], plain[0])
        assert (y_sem[1] - plain[1]).abs().max() > 1e-4


def test_sees_the_order_of_the_slices(make_encoder):
    encoder = make_encoder((16, 16, 8)).eval()
    x = torch.rand(1, 1, 16, 16, 8)
    assert (encoder(x) - encoder(x.flip(-1))).abs().max() > 1e-4


def test_the_mean_image_is_subtracted_and_stored(make_encoder):
    encoder = make_encoder((16, 16, 8)).eval()
    x, mean = torch.rand(2, 1, 16, 16, 8), torch.rand(1, 1, 16, 16, 8)
    plain = encoder(x - mean)
    encoder.set_mean_image(mean)
    assert torch.allclose(encoder(x), plain, atol=1e-5)
    assert torch.equal(encoder.state_dict()["mean_image"], mean)


@pytest.mark.parametrize("centred, distinct", [(False, 3 * 8 - 5 + 1), (True, 3 * 8 - 3 + 1)])
def test_of_empty_slices_the_backbone_sees_one(make_encoder, centred, distinct):
    """Once trained; in training, where this backbone does the same, it sees them all."""
    torch.manual_seed(0)
    encoder, seen = make_encoder((16, 16, 8)), []
    x, mean = torch.rand(3, 1, 16, 16, 8), torch.rand(1, 1, 16, 16, 8)
    x[0, ..., :3], x[1, ..., 6:], mean[..., [0, 1, 7]] = 0, 0, 0  # centred, slices 0 and 1, and 7, are left
    if centred:
        encoder.set_mean_image(mean)
    encoder.backbone.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    with torch.no_grad():
        every, once = encoder.train()(x), encoder.eval()(x)
    torch.testing.assert_close(once, every)
    assert seen == [3 * 8, distinct]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_slice_or_each_may_be_empty(make_encoder, share):
    encoder = make_encoder((16, 16, 8))
    x = torch.rand(2, 1, 16, 16, 8) * (1 - share)
    with torch.no_grad():
        torch.testing.assert_close(encoder.eval()(x), encoder.train()(x))


def test_its_arithmetic_can_be_counted_without_values(make_encoder):
    with torch.device("meta"):
        assert make_encoder((16, 16, 8)).eval()(torch.empty(2, 1, 16, 16, 8)).shape == (2, 16)


@pytest.fixture(scope="module")
def source():
    torch.manual_seed(0)
    return convnext_tiny(weights=None).eval()


def test_a_loaded_backbone_sees_a_grey_slice_as_the_colour_net_does(make_encoder, source):
    encoder = make_encoder((32, 32, 4), backbone="convnext_tiny", semantic_dim=768).eval()
    encoder.load_backbone(source.state_dict())
    slices = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        expected = source.classifier[:2](source.avgpool(source.features(slices.expand(-1, 3, -1, -1))))
        torch.testing.assert_close(encoder.backbone(slices), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["features.1.0.layer_scale", "features.0.0.weight", "classifier.2.bias"])
def test_a_backbone_is_loaded_strictly(make_encoder, source, name):
    weights = dict(source.state_dict())
    encoder = make_encoder((32, 32, 4), backbone="convnext_tiny")
    with pytest.raises(RuntimeError):
        encoder.load_backbone({**weights, "surplus": weights[name]})
    del weights[name]
    with pytest.raises(RuntimeError, match=name):
        encoder.load_backbone(weights)


@pytest.mark.parametrize("backbone", ["convnext_gigantic", "resnet18"])
def test_wrong_backbones_are_named(make_encoder, backbone):
    with pytest.raises(UserError, match="cure"):
        make_encoder((32, 32, 4), backbone=backbone)


@pytest.mark.parametrize("index", [0, 4])
def test_the_weights_of_the_slices_are_those_that_make_y_sem(make_encoder, index):
    torch.manual_seed(0)
    encoder = make_encoder((16, 16, 8), attention_heads=1).eval()
    x = torch.rand(2, 1, 16, 16, 8)
    encoder.score = Pick(index)
    with torch.no_grad():
        nn.init.normal_(encoder.position, std=2)
        query, pooling = encoder.slice_weights(x)
        planes = x.permute(0, 4, 1, 2, 3).flatten(0, 1)
        tokens = encoder.project(encoder.backbone(planes)).view(2, 8, -1) + encoder.position
        _, _, to_values = encoder.attention.in_proj_weight.chunk(3)
        pooled = encoder.attention.out_proj((pooling[:, :, None] * tokens).sum(1) @ to_values.T)
        torch.testing.assert_close(encoder.norm(pooled), encoder(x), rtol=1e-4, atol=1e-4)
    assert query.argmax(1).tolist() == [index, index] and query.shape == pooling.shape == (2, 8)
    torch.testing.assert_close(query.sum(1), torch.ones(2))
    assert pooling.std() > 0.01
