"""The pictures of one scan beside what a model made of it, and of its place among the training scans."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
import torch
from matplotlib.figure import Figure

from ldae.data.volumes import read_volume
from ldae.report.anatomy import (
    INTENSITY,
    LABEL_SIZE,
    TITLE_SIZE,
    Views,
    color_bars,
    difference_window,
    panel_rows,
)
from ldae.report.figures import PHANTOMS_MODEL, save_figure


def draw_edited(
    output: str | Path,
    scan: str | Path,
    images: Mapping[str, torch.Tensor | np.ndarray],
    title: str,
    base: str | None = None,
    *,
    phantom: bool = False,
) -> None:
    """Draw the central slices of a scan and of images made of it, and what each changes.

    Parameters
    ----------
    output, scan : path
        PNG to write (and SVG beside it), the preprocessed scan.
    images : mapping
        Label to (D, H, W), 0..1.
    title : str
        Printed above.
    base : str, optional
        The image that the others are held against; None: the scan.
    phantom : bool
        Whether the model learnt from fabricated data.
    """
    original = read_volume(scan)[0].numpy()
    made = {label: np.asarray(image) for label, image in images.items()}
    against = {label: base if base not in (None, label) else "scan" for label in made}
    changes = {label: image - (made | {"scan": original})[against[label]] for label, image in made.items()}
    edited = [change for label, change in changes.items() if label != base] or list(changes.values())
    window = difference_window(np.stack(edited), "difference of intensities")
    views = Views(cast(nib.Nifti1Image, nib.load(scan)).affine, original.shape)
    figure, axes = panel_rows(views, len(made) + 1, 2, 7.4)
    axes[0, 1].axis("off")
    shown = views.draw(axes[0, 0], original, places=True, bar=True)
    axes[0, 0].set_ylabel("scan", fontsize=LABEL_SIZE)
    changed = shown
    for (left, right), (label, image) in zip(axes[1:], made.items(), strict=True):
        views.draw(left, image)
        left.set_ylabel(label, fontsize=LABEL_SIZE)
        changed = views.draw(right, changes[label], window)
        right.set_title(f"minus {against[label]}", fontsize=LABEL_SIZE)
    color_bars(figure, axes, (shown, INTENSITY), (changed, window))
    figure.suptitle(title, fontsize=TITLE_SIZE)
    save_figure(figure, output, phantom=phantom, stamp=PHANTOMS_MODEL)


def draw_place(
    output: str | Path, training: np.ndarray, place: np.ndarray, unfamiliar: bool, *, phantom: bool = False
) -> None:
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
    save_figure(figure, output, phantom=phantom, stamp=PHANTOMS_MODEL)
