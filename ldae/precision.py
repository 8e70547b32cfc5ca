"""The arithmetic of the networks: bfloat16 only on processors that have it."""

from __future__ import annotations

import logging
from typing import Literal, TypeVar

import torch

logger = logging.getLogger(__name__)

Name = TypeVar("Name", bound=str)

SINGLE: Literal["32-true"] = "32-true"


def usable_precision(precision: Name, device: str | torch.device) -> Name | Literal["32-true"]:
    """The precision to compute in, by Lightning's names: on a CPU without bfloat16 float32 in its place, and a warning.

    There PyTorch multiplies bfloat16 number by number: a 3D convolution took 65 times as long as in float32, measured
    on a CPU with AVX2 and no AVX-512.
    """
    if "bf16" not in precision or torch.device(device).type != "cpu" or has_fast_bfloat16():
        return precision
    logger.warning("this CPU computes bfloat16 slowly (it lacks AVX-512): %s instead of %s", SINGLE, precision)
    return SINGLE


def has_fast_bfloat16() -> bool:
    """Whether oneDNN, which PyTorch asks before each convolution on the CPU, takes bfloat16 here."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()
