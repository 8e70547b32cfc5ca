"""The volumes that `ldae.evaluation.measure.examples` wrote, for the figures that show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def read_example(examples: str | Path, part: str) -> dict[str, np.ndarray]:
    """The arrays of one figure by name, with ``affine`` (4, 4); ``note`` where there is nothing to draw."""
    with np.load(examples, allow_pickle=False) as arrays:
        chosen = {name: arrays[name] for name in arrays.files if name.startswith(f"{part}|") or name == "affine"}
    return {name.removeprefix(f"{part}|"): array for name, array in chosen.items()}
