"""Around a fault of PyTorch on CPUs: wrong gradients in bfloat16 of 3D convolutions over two planes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

KINDS = (nn.Conv3d,)
WRONG_DEPTH = 2  # planes; with 1, 3 or more the gradients are those of float32 to rounding


def convolve_soundly(module: nn.Module) -> None:
    """Let every 3D convolution over two planes inside `module` compute in float32, in place.

    In bfloat16 PyTorch 2.13 (oneDNN, measured on a CPU with avx512_bf16) gives gradients of the weights of up to 1e37
    there, or nan; 175 other sizes of 1 to 8 voxels were right.
    """
    convolution: Any
    for convolution in module.modules():
        if type(convolution) in KINDS:
            convolution.forward = partial(_forward, convolution.forward)


def _forward(forward: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    if x.shape[2] != WRONG_DEPTH:
        return forward(x)
    with torch.autocast(x.device.type, enabled=False):
        return forward(x.float())
