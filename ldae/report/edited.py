"""The pictures of one scan beside what a model made of it, and of its place among the training scans."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from ldae.data.volumes import read_volume
from ldae.report.figures import central_slices, save_figure, show_image

LARGEST_DIFFERENCE = 0.25


def draw_edited(
    output: str | Path,
    scan: str | Path,
    images: Mapping[str, torch.Tensor | np.ndarray],
    title: str,
    base: str | None = None,
) -> None:
    """Draw the central slices of a scan and of images made of it, and what each changes (-0.25..0.25).

    Parameters
    ----------
    output, scan : path
        PNG to write, the preprocessed scan.
    images : mapping
        Label to (D, H, W), 0..1.
    title : str
        Printed above.
    base : str, optional
        The image that the others are held against; None: the scan.
    """
    original = read_volume(scan)[0].numpy()
    made = {label: np.asarray(image) for label, image in images.items()}
    figure = Figure(figsize=(7.4, 1.6 * (len(made) + 1) + 0.5), layout="constrained")
    axes = figure.subplots(len(made) + 1, 2, squeeze=False)
    axes[0, 1].axis("off")
    for (left, right), (label, image) in zip(axes, {"scan": original, **made}.items(), strict=True):
        show_image(left, central_slices(image), cmap="gray", vmin=0, vmax=1)
        left.set_title(label, fontsize=8)
        if label != "scan":
            against = "scan" if base in (None, label) else base
            change = image - (original if against == "scan" else made[against])
            limits = {"vmin": -LARGEST_DIFFERENCE, "vmax": LARGEST_DIFFERENCE}
            show_image(right, central_slices(change), cmap="RdBu_r", **limits)
            right.set_title(
                f"minus {against}, from -{LARGEST_DIFFERENCE} (blue) to {LARGEST_DIFFERENCE} (red)", fontsize=8
            )
    figure.suptitle(title, fontsize=9)
    save_figure(figure, output)


def draw_place(output: str | Path, training: np.ndarray, place: np.ndarray, unfamiliar: bool) -> None:
    """Draw where a scan (2,) lies among the training scans (scans, 2) on the first two components of their y_sem."""
    figure = Figure(figsize=(4.2, 3.4), layout="constrained")
    panel = figure.subplots()
    panel.plot(*training.T, ".", color="0.6", markersize=4, label=f"{len(training)} training scans")
    color = "tab:red" if unfamiliar else "tab:blue"
    panel.plot(*place, "o", color=color, markersize=8, markeredgecolor="white", label="this scan")
    panel.set_xlabel("first component of y_sem", fontsize=8)
    panel.set_ylabel("second component of y_sem", fontsize=8)
    panel.tick_params(labelsize=7)
    panel.legend(fontsize=7)
    save_figure(figure, output)
