"""Brain extraction by deepbet, whose two networks ship inside its wheel.

Fisch et al., "deepbet: Fast brain extraction of T1-weighted MRI using convolutional neural networks", Computers in
Biology and Medicine 179 (2024).
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from deepbet.bet import BrainExtraction
from deepbet.utils import DATA_PATH

from ldae.errors import UserError
from ldae.files import hash_file
from ldae.preprocessing.volume import Volume

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from glibc's malloc.h


def extract_brain(volume: Volume) -> np.ndarray:
    """Whole-brain mask of a raw head.

    Parameters
    ----------
    volume : RAS axes, any voxel size

    Returns
    -------
    ndarray
        Boolean, on the voxels of `volume`; one piece without holes.

    Raises
    ------
    UserError
        No brain was found.
    """
    network = _network()
    try:
        with torch.inference_mode():
            mask = network.run_model(volume.data.copy()) > 0.5
        return np.asarray(network.postprocess(mask), dtype=bool)
    except (AssertionError, ValueError):  # deepbet's own ways of finding no foreground
        raise UserError(
            "brain extraction", "a T1w image of a head", "no brain in it", "look at the scan, then drop it"
        ) from None


@lru_cache(maxsize=1)
def engine() -> dict[str, str]:
    """Name, version and SHA-256 of the weights of the brain extraction, for the sidecar."""
    weights = {f"{name}_sha256": hash_file(Path(DATA_PATH, "models", f"{name}.pt")) for name in ("model", "bbox_model")}
    return {"name": "deepbet", "version": metadata.version("deepbet"), **weights}


def _keep_memory() -> None:
    """Let glibc keep freed memory: handing tensors of 256^3 voxels back to the kernel takes a third of the time."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)


@lru_cache(maxsize=1)
def _network() -> BrainExtraction:
    """The two networks, loaded once a process."""
    _keep_memory()
    return BrainExtraction(no_gpu=True)
