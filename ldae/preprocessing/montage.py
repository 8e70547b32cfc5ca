"""One picture per scan: slices of the brain with the outline of the MNI152 brain, to see extraction and alignment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ldae.files import atomic_path
from ldae.preprocessing.volume import Volume, crop

SLICES = 8
MARGIN_MM = 12.0
EDGE_SHARE = 0.15
WHITE_PERCENTILE = 99
DOTS_PER_INCH = 90
KEY = "Key"


def draw_montage(path: str | Path, brain: Volume, outline: np.ndarray, title: str, key: str = "") -> None:
    """Write a PNG: a row of sagittal, coronal and axial slices each, the template's outline in orange.

    Black is 0, white the 99th percentile of the brain around the outline.

    Parameters
    ----------
    path : path
        PNG to write.
    brain : Volume
        RAS axes, 0 outside the brain.
    outline : ndarray
        Boolean, the template's brain on the same voxels.
    title : str
        Printed above.
    key : str
        What the picture was made of, kept in the file (see `read_key`).
    """
    shown, inside_outline = crop(brain, outline, MARGIN_MM)
    rows, edges = ([np.hstack(_slices(data, axis)) for axis in range(3)] for data in (shown.data, inside_outline))
    inside = shown.data[shown.data > 0]
    white = np.percentile(inside, WHITE_PERCENTILE) if inside.size else 1.0
    width = max(row.shape[1] for row in rows)
    height = sum(row.shape[0] * width / row.shape[1] for row in rows)
    figure = Figure(figsize=(12, 12 * height / width + 0.35), facecolor="black")
    axes = figure.subplots(3, 1, gridspec_kw={"height_ratios": [r.shape[0] / r.shape[1] for r in rows]})
    for axis, row, edge in zip(axes, rows, edges, strict=True):
        axis.imshow(row, cmap="gray", vmin=0, vmax=white, aspect="auto", interpolation="nearest")
        axis.contour(edge, levels=[0.5], colors="tab:orange", linewidths=0.8)
        axis.set_axis_off()
    figure.suptitle(title, color="white", fontsize=10, y=0.995)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1 - 0.3 / figure.get_figheight(), hspace=0.01)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH, facecolor="black", metadata={KEY: key})


def read_key(path: str | Path) -> str | None:
    """The key that `draw_montage` kept in a picture; None for an absent or damaged one."""
    try:
        with Image.open(path) as picture:
            picture.verify()
            return picture.info.get(KEY)
    except (OSError, SyntaxError):  # the second is Pillow's own for a chunk whose checksum is wrong
        return None


def _slices(volume: np.ndarray, axis: int) -> list[np.ndarray]:
    """Evenly spaced slices, first image row on top: superior or anterior up."""
    size = volume.shape[axis]
    positions = np.linspace(EDGE_SHARE * size, (1 - EDGE_SHARE) * size, SLICES).astype(int)
    return [np.take(volume, position, axis=axis).T[::-1] for position in positions]
