"""The files of a training's state: written straight to the disk and mapped when read; no copy fills the memory.

A state is whole after a number of optimizer steps, which its name tells. The last two are kept, and beside them the
weights that were the best so far at either.
"""

from __future__ import annotations

import lzma
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from ldae.files import durable_path

STATE, BEST = "state", "best"
# As what a damaged archive shows; the compressions, which none here has, where its table of contents is damaged.
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    zlib.error,
    lzma.LZMAError,
)
KEPT = 2  # states; the second is there for the day on which the first is damaged


class UnreadableError(Exception):
    """A file is damaged."""


class MappedCheckpoints(TorchCheckpointIO):
    """How Lightning writes and reads them.

    Of the best state only the weights are kept: with a moving average they are the averaged ones, for `WeightAveraging`
    has put these in their place.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a state, or of the best one the weights."""
        path = Path(path)
        content = {"state_dict": checkpoint["state_dict"]} if path.stem.startswith(BEST) else checkpoint
        with durable_path(path) as temporary:
            torch.save(content, temporary)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:
        """Map a state."""
        return _map(path)


def checkpoint_path(folder: Path, kind: str, step: int) -> Path:
    """Where the state after so many optimizer steps, or the weights that were best then, lie."""
    return folder / f"{kind}-{step:09d}.ckpt"


def saved_steps(folder: Path, kind: str) -> list[int]:
    """After how many optimizer steps there are such files, the last one first."""
    return sorted((int(path.stem.removeprefix(f"{kind}-")) for path in folder.glob(f"{kind}-*.ckpt")), reverse=True)


def load_mapped(path: str | Path) -> dict[str, Any]:
    """What `torch.save` wrote, each byte checked: tensors on the CPU, which are read from the disk as they are used.

    Raises
    ------
    UnreadableError
        The file is missing or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # PyTorch stores these checksums, and compares none
            damaged = archive.testzip()
        if damaged is None:
            return _map(path)
    except DAMAGE as error:
        raise UnreadableError(f"{error}"[:200]) from error
    raise UnreadableError(f"the checksum of {damaged} is another")


def _map(path: str | Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
