"""deepbet, whose two networks ship inside its wheel.

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

from ldae.config.preprocessing import PreprocessingConfig
from ldae.files import hash_file
from ldae.preprocessing.volume import Volume

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from glibc's malloc.h


def extract(volume: Volume, config: PreprocessingConfig) -> np.ndarray:
    """Find the brain: one piece without holes, or an empty mask where deepbet finds nothing."""
    network = load_networks()
    try:
        with torch.inference_mode():
            mask = network.run_model(volume.data.copy()) > 0.5
        return network.postprocess(mask)
    except (AssertionError, ValueError):  # deepbet's own ways of finding no foreground
        return np.zeros(volume.data.shape, bool)


def record(config: PreprocessingConfig) -> dict[str, str]:
    """Version of deepbet and SHA-256 of its two networks."""
    weights = {f"{name}_sha256": hash_file(Path(DATA_PATH, "models", f"{name}.pt")) for name in ("model", "bbox_model")}
    return {"version": metadata.version("deepbet"), **weights}


@lru_cache(maxsize=1)
def load_networks() -> BrainExtraction:
    """Load the two networks, once per process."""
    _keep_memory()
    return BrainExtraction(no_gpu=True)


def _keep_memory() -> None:
    """Let glibc keep freed memory: handing tensors of 256^3 voxels back to the kernel takes a third of the time."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)
