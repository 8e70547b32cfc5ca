"""One picture a scan: slices of the brain with the outline of the MNI152 brain, to see extraction and alignment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ldae.files import atomic_path
from ldae.preprocessing.volume import Volume, crop

SLICES = 8
MARGIN_MM = 12.0
EDGE_SHARE = 0.15
DOTS_PER_INCH = 90


def draw_montage(path: str | Path, brain: Volume, outline: np.ndarray, title: str) -> None:
    """Write a PNG: a row of sagittal, coronal and axial slices each, the template's outline in orange.

    Parameters
    ----------
    path : PNG to write
    brain : RAS axes, 0 outside the brain
    outline : boolean, the template's brain on the same voxels
    title : printed above
    """
    around = brain.with_data(outline.astype(np.float32))
    edge, _ = crop(around, outline, MARGIN_MM)
    shown, _ = crop(brain, outline, MARGIN_MM)
    rows, edges = ([np.hstack(_slices(volume.data, axis)) for axis in range(3)] for volume in (shown, edge))
    inside = shown.data[shown.data > 0]
    top = np.percentile(inside, 99) if inside.size else 1.0
    width = max(row.shape[1] for row in rows)
    height = sum(row.shape[0] * width / row.shape[1] for row in rows)
    figure = Figure(figsize=(12, 12 * height / width + 0.35), facecolor="black")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, gridspec_kw={"height_ratios": [r.shape[0] / r.shape[1] for r in rows]})
    for axis, row, edge in zip(axes, rows, edges, strict=True):
        axis.imshow(row, cmap="gray", vmin=0, vmax=top, aspect="auto", interpolation="nearest")
        axis.contour(edge, levels=[0.5], colors="tab:orange", linewidths=0.8)
        axis.set_axis_off()
    figure.suptitle(title, color="white", fontsize=10, y=0.995)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1 - 0.3 / figure.get_figheight(), hspace=0.01)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH, facecolor="black")


def _slices(volume: np.ndarray, axis: int) -> list[np.ndarray]:
    """Evenly spaced slices, first image row on top: superior or anterior up."""
    size = volume.shape[axis]
    positions = np.linspace(EDGE_SHARE * size, (1 - EDGE_SHARE) * size, SLICES).astype(int)
    return [np.take(volume, position, axis=axis).T[::-1] for position in positions]
