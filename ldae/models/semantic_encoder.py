"""The 2.5D semantic encoder: a 2D backbone on every axial slice, then attention over the slices."""

from __future__ import annotations

from pathlib import Path

import ldae.torchvision_ops  # noqa: F401  (before torchvision)

import torch
from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig, ConvNeXt

from ldae.config.models import EncoderConfig
from ldae.errors import UserError


class SemanticEncoder(nn.Module):
    """Enc_phi of LDAE (section 3.3): scan (B, 1, D, H, W) -> y_sem (B, semantic_dim).

    Every axial slice (along W, the inferior-superior axis) goes through the backbone; with a positional encoding added,
    soft attention over the slices gives a global query, one multi-head attention of that query over the slices and a
    LayerNorm give y_sem.
    """

    mean_image: torch.Tensor

    def __init__(self, config: EncoderConfig, grid_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.backbone, features = _build_backbone(config.backbone, config.backbone_weights)
        dim = config.semantic_dim
        self.project = nn.Identity() if features == dim else nn.Linear(features, dim)
        self.position = nn.Parameter(0.02 * torch.randn(grid_shape[2], dim))
        self.score = nn.Sequential(nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, 1))
        self.attention = nn.MultiheadAttention(dim, config.attention_heads, batch_first=True)
        self.norm = nn.LayerNorm(dim)
        self.register_buffer("mean_image", torch.zeros(1, 1, *grid_shape))

    def set_mean_image(self, mean_image: torch.Tensor) -> None:
        """Image (1, 1, D, H, W) subtracted from every input; it is stored with the weights."""
        self.mean_image.copy_(mean_image)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, 1, D, H, W) in 0..1 -> y_sem (B, semantic_dim)."""
        x = x - self.mean_image
        batch, _, depth, height, slices = x.shape
        planes = x.permute(0, 4, 1, 2, 3).reshape(batch * slices, 1, depth, height)
        tokens = self.project(self.backbone(planes)).view(batch, slices, -1) + self.position
        query = (self.score(tokens).softmax(dim=1) * tokens).sum(dim=1, keepdim=True)
        pooled, _ = self.attention(query, tokens, tokens, need_weights=False)
        return self.norm(pooled.squeeze(1))


def _build_backbone(name: str, weights: str | None) -> tuple[nn.Module, int]:
    """A torchvision ConvNeXt on one channel, without its classifier, and the number of its features."""
    if name == "convnext_pico":
        setting = [CNBlockConfig(32, 64, 1), CNBlockConfig(64, 128, 1), CNBlockConfig(128, None, 1)]
        net = ConvNeXt(setting, stochastic_depth_prob=0.0, num_classes=1)
    else:
        try:
            net = models.get_model(name, weights=None)
        except ValueError as error:
            raise UserError("encoder.backbone", "convnext_pico or a torchvision ConvNeXt", name, str(error)) from None
        if not isinstance(net, ConvNeXt):
            raise UserError("encoder.backbone", "a ConvNeXt of torchvision", name, "take e.g. convnext_small")
    if weights is not None:
        if not Path(weights).is_file():
            raise UserError(
                weights,
                "ImageNet weights of the backbone",
                "no such file",
                "download them, or set backbone_weights: null",
            )
        net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    features = net.classifier[-1].in_features
    net.classifier = nn.Sequential(net.classifier[0], nn.Flatten(1))
    stem = net.features[0][0]
    single = nn.Conv2d(1, stem.out_channels, stem.kernel_size, stem.stride)
    with torch.no_grad():
        single.weight.copy_(stem.weight.sum(dim=1, keepdim=True))
        single.bias.copy_(stem.bias)
    net.features[0][0] = single
    return net, features
