"""The files of a training's state: written straight to the disk and mapped when read; no copy fills the memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from ldae.files import atomic_path

LAST, BEST = "last.ckpt", "best.ckpt"


class MappedCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads them.

    Of the best state only the weights are kept: with a moving average they are the averaged ones, for `WeightAveraging`
    has put these in their place.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a state, or of the best one the weights."""
        content = {"state_dict": checkpoint["state_dict"]} if Path(path).name == BEST else checkpoint
        with atomic_path(path) as temporary:
            torch.save(content, temporary)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:
        """Map a state."""
        return load_mapped(path)


def load_mapped(path: str | Path) -> dict[str, Any]:
    """What `torch.save` wrote: tensors on the CPU, which are read from the disk as they are used."""
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
