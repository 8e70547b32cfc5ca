"""The volumes that `ldae.evaluation.measure.examples` wrote, for the figures that show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ldae.evaluation.arrays import read_arrays


def read_example(examples: str | Path, part: str) -> dict[str, np.ndarray]:
    """The arrays of one figure by name, with ``affine`` (4, 4); ``note`` where there is nothing to draw."""
    arrays = read_arrays(examples)
    chosen = {name: array for name, array in arrays.items() if name.startswith(f"{part}|") or name == "affine"}
    return {name.removeprefix(f"{part}|"): array for name, array in chosen.items()}
