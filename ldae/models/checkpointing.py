"""Activation checkpointing: the backward pass computes anew what happened inside a block, instead of it being kept."""

from __future__ import annotations

from functools import partial
from typing import Any

from monai.networks.blocks import SpatialAttentionBlock, UpSample
from monai.networks.nets.autoencoderkl import AEKLResBlock
from monai.networks.nets.diffusion_model_unet import DiffusionUNetResnetBlock
from torch import nn
from torch.utils.checkpoint import checkpoint
from torchvision.models.convnext import CNBlock

from ldae.models.conditioned_decoder import ConditionedResBlock

BLOCKS = (AEKLResBlock, UpSample, DiffusionUNetResnetBlock, ConditionedResBlock, SpatialAttentionBlock, CNBlock)


def checkpoint_activations(module: nn.Module) -> None:
    """Checkpoint the blocks (`BLOCKS`) inside `module`, in place: of each only its inputs are kept for its gradients.

    Values, gradients, and the names of the weights stay; dropout draws the same both times. (Chen et al. 2016,
    arXiv 1604.06174.)
    """
    block: Any
    for block in module.modules():
        if type(block) in BLOCKS:  # of its very type: MONAI's residual blocks upsample by a subclass of UpSample
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
