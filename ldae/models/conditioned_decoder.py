"""The second half of a denoiser's U-Net, conditioned on y_sem by adaptive GroupNorm."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from monai.networks.nets.diffusion_model_unet import DiffusionUNetResnetBlock
from torch import nn

from ldae.models.denoiser import Denoiser, Features


class ConditionedResBlock(nn.Module):
    """MONAI's residual block with y_sem entering after its second GroupNorm: h <- (1 + s_y) GN(h) + b_y."""

    def __init__(self, block: DiffusionUNetResnetBlock, semantic_dim: int) -> None:
        super().__init__()
        self.block = block
        self.scale_shift = nn.Linear(semantic_dim, 2 * block.out_channels)

    def forward(self, x: torch.Tensor, time: torch.Tensor, y_sem: torch.Tensor) -> torch.Tensor:
        """Map x (B, C, D, H, W), time (B, E), y_sem (B, S) -> (B, C', D', H', W')."""
        block = self.block
        h = block.nonlinearity(block.norm1(x))
        if block.upsample is not None:
            x, h = block.upsample(x), block.upsample(h)
        h = block.conv1(h) + block.time_emb_proj(block.nonlinearity(time))[:, :, None, None, None]
        scale, shift = self.scale_shift(y_sem)[:, :, None, None, None].chunk(2, dim=1)
        h = (1 + scale) * block.norm2(h) + shift
        return block.skip_connection(x) + block.conv2(block.nonlinearity(h))


class ConditionedDecoder(nn.Module):
    """Copies of a denoiser's middle block, up path and output layer, each residual block conditioned on y_sem.

    It works on the features of the denoiser's down path and holds none of the denoiser's own parameters. The adaptive
    GroupNorm is that of Dhariwal and Nichol (2021), as in the diffusion autoencoder of Preechakul et al. (2022).

    Parameters
    ----------
    denoiser : Denoiser
    semantic_dim : int
        S, the length of y_sem.
    """

    def __init__(self, denoiser: Denoiser, semantic_dim: int) -> None:
        super().__init__()
        block: Any
        middle: Any = deepcopy(denoiser.middle_block)
        self.attention: nn.Module = middle.attention
        self.middle = nn.ModuleList([ConditionedResBlock(b, semantic_dim) for b in (middle.resnet_1, middle.resnet_2)])
        self.up_blocks = deepcopy(denoiser.up_blocks)
        for block in self.up_blocks:
            block.resnets = nn.ModuleList([ConditionedResBlock(b, semantic_dim) for b in block.resnets])
            if block.upsampler is not None:
                block.upsampler = ConditionedResBlock(block.upsampler, semantic_dim)
        self.out = deepcopy(denoiser.out)
        self.requires_grad_(True)

    def forward(self, features: Features, y_sem: torch.Tensor) -> torch.Tensor:
        """`features` of the denoiser at z_t (B, C, D, H, W) and y_sem (B, S) -> the shape of z_t.

        Like the denoiser's, its output is scaled by sqrt(abar_t) where the denoiser predicts v.
        """
        hidden, skips, time, _, scale = features
        hidden = self.attention(self.middle[0](hidden, time, y_sem))
        hidden = self.middle[1](hidden, time, y_sem)
        block: Any
        for block in self.up_blocks:
            attentions = getattr(block, "attentions", [nn.Identity()] * len(block.resnets))
            for resnet, attention in zip(block.resnets, attentions, strict=True):
                hidden = resnet(torch.cat([hidden, skips[-1]], dim=1), time, y_sem)
                hidden = attention(hidden)
                skips = skips[:-1]
            if block.upsampler is not None:
                hidden = block.upsampler(hidden, time, y_sem)
        return scale * self.out(hidden)
