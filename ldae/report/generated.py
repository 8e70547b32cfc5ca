"""The figure of generated scans."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ldae.report.figures import central_slices, save_figure, show_image

TITLES = {
    "sample": "sample from noise",
    "nearest": "its nearest training scan",
    "difference": "sample - nearest",
    "test": "a test scan",
}


def draw_generated(generated: str | Path, output: str | Path) -> None:
    """Draw samples, the training scan nearest to each, their difference (-0.25..0.25), and as many test scans.

    Parameters
    ----------
    generated : path
        NPZ with volumes (N, D, H, W), intensities 0..1, named sample, nearest and test (fewer where the test subjects
        are), and nearest_mse (N,).
    output : path
        PNG.
    """
    with np.load(generated, allow_pickle=False) as arrays:
        content = dict(arrays)
    content["difference"] = content["sample"] - content["nearest"]
    count = len(content["sample"])
    figure = Figure(figsize=(3.2 * len(TITLES), 1.35 * count))
    axes = figure.subplots(count, len(TITLES), squeeze=False)
    for column, (name, title) in zip(axes.T, TITLES.items(), strict=True):
        column[0].set_title(title, fontsize=9)
        drawn = {"cmap": "RdBu_r", "vmin": -0.25, "vmax": 0.25} if name == "difference" else {"cmap": "gray", "vmax": 1}
        volumes = content[name]
        for panel, volume in zip(column[: len(volumes)], volumes, strict=True):
            show_image(panel, central_slices(volume), **{"vmin": 0} | drawn)
        for panel in column[len(volumes) :]:
            panel.axis("off")
    for panel, mse in zip(axes[:, 1], content["nearest_mse"], strict=True):
        panel.set_xlabel(f"MSE {mse:.4f}", fontsize=7)
    figure.subplots_adjust(wspace=0.04, hspace=0.3)
    save_figure(figure, output)
