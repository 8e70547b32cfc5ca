"""The 2.5D semantic encoder: a 2D backbone on every axial slice, then attention over the slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ldae.torchvision_ops  # noqa: F401  (before torchvision)

import torch
from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig, ConvNeXt

from ldae.errors import UserError


class SemanticEncoder(nn.Module):
    """Enc_phi of LDAE (section 3.3): scan (B, 1, D, H, W) in 0..1 -> y_sem (B, semantic_dim).

    Every axial slice (along W, the inferior-superior axis) goes through the backbone; with a positional encoding added,
    soft attention over the slices gives a global query, one multi-head attention of that query over the slices and a
    LayerNorm give y_sem.

    Parameters
    ----------
    grid_shape : (D, H, W)
        Voxels of a scan.
    semantic_dim : int
        Length of y_sem.
    backbone : str
        A ConvNeXt (Liu et al. 2022) of torchvision, or ``convnext_pico``, a small one for demonstrations. It starts
        from random weights; its stem takes one channel.
    attention_heads : int
        A divisor of `semantic_dim`.

    Raises
    ------
    UserError
        The backbone is unknown or no ConvNeXt.
    """

    mean_image: torch.Tensor

    def __init__(self, grid_shape: Sequence[int], *, semantic_dim: int, backbone: str, attention_heads: int) -> None:
        super().__init__()
        self.grid_shape, self.semantic_dim = tuple(grid_shape), semantic_dim
        self.backbone, features = _build_backbone(backbone)
        self.project = nn.Identity() if features == semantic_dim else nn.Linear(features, semantic_dim)
        self.position = nn.Parameter(0.02 * torch.randn(grid_shape[2], semantic_dim))
        self.score = nn.Sequential(nn.Linear(semantic_dim, semantic_dim), nn.Tanh(), nn.Linear(semantic_dim, 1))
        self.attention = nn.MultiheadAttention(semantic_dim, attention_heads, batch_first=True)
        self.norm = nn.LayerNorm(semantic_dim)
        self.register_buffer("mean_image", torch.zeros(1, 1, *grid_shape))

    def set_mean_image(self, mean_image: torch.Tensor) -> None:
        """Image (1, 1, D, H, W) subtracted from every input; it is stored with the weights."""
        self.mean_image.copy_(mean_image)

    def load_backbone(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Load the backbone from a whole ConvNeXt's state dict; its stem is summed over colours, its head left out.

        Raises
        ------
        RuntimeError
            The names or shapes are not those of this backbone with a three-channel stem and a linear head.
        """
        stem, head = "features.0.0.weight", ("classifier.2.weight", "classifier.2.bias")
        missing = [name for name in (stem, *head) if name not in weights]
        if missing:
            raise RuntimeError(f"missing {', '.join(missing)}")
        kept = {name: tensor for name, tensor in weights.items() if name not in head}
        kept[stem] = kept[stem].sum(dim=1, keepdim=True)
        self.backbone.load_state_dict(kept)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x (B, 1, D, H, W) in 0..1 -> y_sem (B, semantic_dim)."""
        tokens, _, query = self._slices(x)
        pooled, _ = self.attention(query, tokens, tokens, need_weights=False)
        return self.norm(pooled.squeeze(1))

    def slice_weights(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """How much each axial slice of x (B, 1, D, H, W) counts, in the two steps of the pooling.

        Returns
        -------
        tensors (B, W), (B, W)
            The soft attention that makes the query, and the multi-head attention of the query, the mean of its heads.
            Each sums to 1 over the slices.
        """
        tokens, weights, query = self._slices(x)
        _, attended = self.attention(query, tokens, tokens, need_weights=True)
        return weights.squeeze(2), attended.squeeze(1)

    def _slices(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Tokens of the slices (B, W, semantic_dim), their weights (B, W, 1), and the query (B, 1, semantic_dim)."""
        x = x - self.mean_image
        batch, _, depth, height, slices = x.shape
        planes = x.permute(0, 4, 1, 2, 3).reshape(batch * slices, 1, depth, height)
        tokens = self.project(self._features(planes)).view(batch, slices, -1) + self.position
        weights = self.score(tokens).softmax(dim=1)
        return tokens, weights, (weights * tokens).sum(dim=1, keepdim=True)

    def _features(self, planes: torch.Tensor) -> torch.Tensor:
        """Features (N, F) of slices (N, 1, D, H); once trained, of all empty ones the backbone sees the first.

        In training its stochastic depth treats each slice apart.
        """
        if self.training or planes.is_meta:  # a meta tensor has no values to be empty
            return self.backbone(planes)
        empty, order = ~planes.flatten(1).any(1), torch.arange(len(planes), device=planes.device)
        distinct, place = torch.where(empty, empty.int().argmax(), order).unique(return_inverse=True)
        return self.backbone(planes[distinct])[place]


def _build_backbone(name: str) -> tuple[nn.Module, int]:
    """A ConvNeXt on one channel, (B, 1, D, H) -> (B, features), and the number of its features."""
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
    features = net.classifier[-1].in_features
    net.classifier = nn.Sequential(net.classifier[0], nn.Flatten(1))
    stem: Any = net.features[0][0]
    single: Any = nn.Conv2d(1, stem.out_channels, stem.kernel_size, stem.stride)
    with torch.no_grad():
        single.weight.copy_(stem.weight.sum(dim=1, keepdim=True))
        single.bias.copy_(stem.bias)
    net.features[0][0] = single
    return net, features
