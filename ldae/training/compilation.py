"""torch.compile for the networks of a training, where it works."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import torch
from torch import nn

logger = logging.getLogger(__name__)


def compile_networks(networks: nn.Module, device: torch.device) -> None:
    """Compile the parts of each child of `networks`, in place: no tensor changes its name.

    These are the U-Net's blocks, the autoencoder's encoder and decoder, the semantic encoder. PyTorch leaves a part of
    its own classes as it is, such as a convolution, and so the discriminator, which has no other.

    Where nothing can be compiled (no compiler, no Triton), that is logged and all stays as it is; a part that cannot be
    runs as it is, and PyTorch logs why.
    """
    if reason := _hindrance(device):
        logger.warning("training.compile: the networks run uncompiled: %s", reason)
        return
    torch._dynamo.config.suppress_errors = True
    for network in networks.children():
        for part in _parts(network):
            part.compile()


def _hindrance(device: torch.device) -> str:
    """What PyTorch says where it cannot compile the smallest function; else nothing."""
    try:
        torch.compile(lambda x: x.square() + 1)(torch.ones(2, device=device))
    except (RuntimeError, OSError, ImportError) as error:
        return f"{type(error).__name__}: {error}".strip().split("\n")[0][:300]
    return ""


def _parts(network: nn.Module) -> Iterator[nn.Module]:
    """The children, those of lists one by one; a network itself may be used by other methods than its forward."""
    for part in network.children():
        if isinstance(part, nn.ModuleList):
            yield from part
        else:
            yield part
