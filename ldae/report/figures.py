"""Figures from the results' files; each function reads, draws and writes one picture.

Figures are objects, never pyplot's, so no display, no backend and no global state is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ldae.errors import UserError
from ldae.files import atomic_path, read_table

REBUILT = {"autoencoder": "AutoencoderKL", "ldae": "LDAE, encoded z_T", "y_sem_only": "LDAE, y_sem only"}
DPI = 120
MAX_COLUMNS = 4


def central_slices(volume: np.ndarray) -> np.ndarray:
    """Central sagittal, coronal and axial slices of (D, H, W) side by side, superior or anterior up."""
    middle = [size // 2 for size in volume.shape]
    slices = [np.take(volume, index, axis).T[::-1] for axis, index in enumerate(middle)]
    height = max(view.shape[0] for view in slices)
    missing = [height - view.shape[0] for view in slices]
    padded = [np.pad(view, ((rows // 2, rows - rows // 2), (0, 0))) for view, rows in zip(slices, missing, strict=True)]
    return np.concatenate(padded, axis=1)


def show_image(axes: Axes, image: np.ndarray, **options) -> None:
    """Draw an image without ticks; `options` are imshow's."""
    axes.imshow(image, interpolation="nearest", **options)
    axes.set_xticks([])
    axes.set_yticks([])


def save_figure(figure: Figure, output: str | Path) -> None:
    """Write a figure, atomically."""
    with atomic_path(output) as temporary:
        figure.savefig(temporary, dpi=DPI, bbox_inches="tight")


def panel_grid(count: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, each of `size` (width, height) in inches, four in a row."""
    columns = min(MAX_COLUMNS, max(1, count))
    rows = max(1, ceil(count / columns))
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for unused in axes.flat[count:]:
        unused.axis("off")
    return figure, list(axes.flat[:count])


def draw_reconstructions(examples: str | Path, output: str | Path) -> None:
    """Draw test scans, their reconstructions, and below them the differences (rebuilt - scan, -0.25..0.25).

    Parameters
    ----------
    examples : path
        NPZ with volumes (N, D, H, W), intensities 0..1, named scan, autoencoder, ldae, y_sem_only, and labels subject,
        session, diagnosis.
    output : path
        PNG.
    """
    with np.load(examples, allow_pickle=False) as arrays:
        content = dict(arrays)
    count, columns = len(content["scan"]), 1 + len(REBUILT)
    figure = Figure(figsize=(3.2 * columns, 2.6 * count))
    axes = figure.subplots(2 * count, columns, squeeze=False)
    for i in range(count):
        scan, (above, below) = content["scan"][i], axes[2 * i : 2 * i + 2]
        show_image(above[0], central_slices(scan), cmap="gray", vmin=0, vmax=1)
        above[0].set_ylabel(f"{content['subject'][i]}\n{content['session'][i]} {content['diagnosis'][i]}", fontsize=7)
        below[0].axis("off")
        for column, name in enumerate(REBUILT, start=1):
            show_image(above[column], central_slices(content[name][i]), cmap="gray", vmin=0, vmax=1)
            drawn = {"cmap": "RdBu_r", "vmin": -0.25, "vmax": 0.25}
            show_image(below[column], central_slices(content[name][i] - scan), **drawn)
    for column, title in enumerate(["scan", *REBUILT.values()]):
        axes[0, column].set_title(title, fontsize=9)
    figure.subplots_adjust(wspace=0.04, hspace=0.06)
    save_figure(figure, output)


def draw_training_curves(histories: Mapping[str, str | Path], output: str | Path) -> None:
    """Draw every numeric column named train_* or val_* against the step: one panel per stage and quantity.

    The quantity is the word after train_ or val_; val_loss and val_loss_shuffled share a panel.

    Parameters
    ----------
    histories : mapping
        Stage to its history CSV (a column step, one row per validation).
    output : path
        PNG.

    Raises
    ------
    UserError
        A history has no such column.
    """
    tables = {stage: read_table(path, ("step",)) for stage, path in histories.items()}
    panels = [
        (stage, quantity, names)
        for stage, table in tables.items()
        for quantity, names in _quantities(table, histories[stage]).items()
    ]
    figure, axes = panel_grid(len(panels), (3.2, 2.4))
    for panel, (stage, quantity, names) in zip(axes, panels, strict=True):
        for name in names:
            style, label = "--" if name.startswith("train_") else "-", name.replace(f"_{quantity}", "", 1)
            drawn = tables[stage][["step", name]].dropna()
            panel.plot(drawn["step"], drawn[name], style, marker=".", markersize=3, label=label.replace("_", ", "))
        panel.set_title(f"{stage}: {quantity}", fontsize=8)
        panel.set_xlabel("optimizer step", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.legend(fontsize=7)
    save_figure(figure, output)


def _quantities(table: pd.DataFrame, path: str | Path) -> dict[str, list[str]]:
    """The columns of each quantity."""
    numeric = table.select_dtypes("number").dropna(axis=1, how="all").columns
    columns: dict[str, list[str]] = {}
    for name in numeric:
        if name.startswith(("train_", "val_")):
            columns.setdefault(name.split("_")[1], []).append(name)
    if not columns:
        found = ", ".join(map(str, table.columns))
        raise UserError(path, "numeric columns train_* or val_*", found, "train this stage again")
    return columns
