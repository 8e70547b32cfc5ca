"""The figure of generated scans."""

from __future__ import annotations

from pathlib import Path

from ldae.evaluation.arrays import read_arrays
from ldae.report.anatomy import (
    INTENSITY,
    LABEL_SIZE,
    Views,
    color_bars,
    difference_window,
    panel_rows,
    title_columns,
)
from ldae.report.figures import save_figure

TITLES = {
    "sample": "sample from noise",
    "nearest": "its nearest training scan",
    "difference": "sample - nearest",
    "test": "a test scan",
}


def draw_generated(generated: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw samples, the training scan nearest to each, their difference on one scale, and as many test scans.

    Parameters
    ----------
    generated : path
        NPZ with volumes (N, D, H, W), intensities 0..1, named sample, nearest and test (fewer where the test subjects
        are), nearest_mse (N,) and affine (4, 4).
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    content = read_arrays(generated)
    content["difference"] = content["sample"] - content["nearest"]
    window = difference_window(content["difference"], TITLES["difference"])
    views, count = Views(content["affine"], content["sample"].shape[1:]), len(content["sample"])
    figure, axes = panel_rows(views, count, len(TITLES), 9.5)
    title_columns(axes, list(TITLES.values()))
    drawn = {}
    for column, name in enumerate(TITLES):
        used = window if name == "difference" else INTENSITY
        for row, volume in enumerate(content[name]):
            drawn[name] = views.draw(axes[row, column], volume, used, places=row == 0, bar=column == 0)
        for panel in axes[len(content[name]) :, column]:
            panel.axis("off")
    for panel, mse in zip(axes[:, 1], content["nearest_mse"], strict=True):
        panel.set_xlabel(f"MSE {mse:.4f}", fontsize=LABEL_SIZE)
    color_bars(figure, axes, (drawn["sample"], INTENSITY), (drawn["difference"], window))
    save_figure(figure, output, phantom=phantom)
