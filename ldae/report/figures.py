"""Figures from the results' files; each function reads, draws and writes one picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import nibabel as nib
import numpy as np
import pandas as pd

from ldae.errors import UserError
from ldae.files import atomic_path, read_table

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402  (after the backend is chosen)
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

REBUILT = {"autoencoder": "AutoencoderKL", "ldae": "LDAE, encoded z_T", "y_sem_only": "LDAE, y_sem only"}
RISK = {"error": 0, "fail": 1, "warn": 2, "pass": 3}
DPI = 120


def central_slices(volume: np.ndarray) -> np.ndarray:
    """Central sagittal, coronal and axial slices of (D, H, W) side by side, superior or anterior up."""
    middle = [size // 2 for size in volume.shape]
    slices = [np.take(volume, index, axis).T[::-1] for axis, index in enumerate(middle)]
    height = max(view.shape[0] for view in slices)
    missing = [height - view.shape[0] for view in slices]
    padded = [np.pad(view, ((rows // 2, rows - rows // 2), (0, 0))) for view, rows in zip(slices, missing, strict=True)]
    return np.concatenate(padded, axis=1)


def _show(axes: Axes, image: np.ndarray, **options) -> None:
    axes.imshow(image, interpolation="nearest", **options)
    axes.set_xticks([])
    axes.set_yticks([])


def _save(figure: Figure, output: str | Path) -> None:
    with atomic_path(output) as temporary:
        figure.savefig(temporary, dpi=DPI, bbox_inches="tight")
    plt.close(figure)


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
    figure, axes = plt.subplots(2 * count, columns, figsize=(3.2 * columns, 2.6 * count), squeeze=False)
    for i in range(count):
        scan, (above, below) = content["scan"][i], axes[2 * i : 2 * i + 2]
        _show(above[0], central_slices(scan), cmap="gray", vmin=0, vmax=1)
        above[0].set_ylabel(f"{content['subject'][i]}\n{content['session'][i]} {content['diagnosis'][i]}", fontsize=7)
        below[0].axis("off")
        for column, name in enumerate(REBUILT, start=1):
            _show(above[column], central_slices(content[name][i]), cmap="gray", vmin=0, vmax=1)
            drawn = {"cmap": "RdBu_r", "vmin": -0.25, "vmax": 0.25}
            _show(below[column], central_slices(content[name][i] - scan), **drawn)
    for column, title in enumerate(["scan", *REBUILT.values()]):
        axes[0, column].set_title(title, fontsize=9)
    figure.subplots_adjust(wspace=0.04, hspace=0.06)
    _save(figure, output)


def draw_training_curves(histories: Mapping[str, str | Path], output: str | Path) -> None:
    """Draw every numeric column named train_* or val_* against the step: a row a stage, a panel a quantity.

    The quantity is the word after train_ or val_; val_loss and val_loss_shuffled share a panel.

    Parameters
    ----------
    histories : mapping
        Stage to its history CSV (a column step, a row a validation).
    output : path
        PNG.

    Raises
    ------
    UserError
        A history has no such column.
    """
    tables = {stage: read_table(path, ("step",)) for stage, path in histories.items()}
    panels = {stage: _quantities(table, histories[stage]) for stage, table in tables.items()}
    width = max(map(len, panels.values()))
    size = (3.2 * width, 2.4 * len(tables))
    figure, axes = plt.subplots(len(tables), width, figsize=size, squeeze=False, layout="constrained")
    for row, (stage, table) in zip(axes, tables.items(), strict=True):
        for panel in row[len(panels[stage]) :]:
            panel.axis("off")
        for panel, quantity in zip(row, panels[stage], strict=False):
            for name in panels[stage][quantity]:
                style, label = "--" if name.startswith("train_") else "-", name.replace(f"_{quantity}", "", 1)
                drawn = table[["step", name]].dropna()
                panel.plot(drawn["step"], drawn[name], style, marker=".", markersize=3, label=label.replace("_", ", "))
            panel.set_title(f"{stage}: {quantity}", fontsize=8)
            panel.tick_params(labelsize=7)
            panel.legend(fontsize=7)
    for panel in axes[-1]:
        panel.set_xlabel("optimizer step", fontsize=8)
    _save(figure, output)


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


def draw_qc_montage(qc: str | Path, output: str | Path, count: int) -> None:
    """Draw the central slices of the riskiest scans: fail, warn, pass, and the worst overlap with MNI152 first.

    Parameters
    ----------
    qc : path
        CSV with subject, session, path, status, reason and dice, a row a scan.
    output : path
        PNG.
    count : int
        Number of scans at most.
    """
    table = read_table(qc, ("subject", "session", "path", "status", "reason", "dice"))
    table = table.assign(risk=table["status"].map(RISK).fillna(0)).sort_values(["risk", "dice"], na_position="first")
    chosen = table.head(count)
    columns = min(4, max(1, len(chosen)))
    rows = max(1, -(-len(chosen) // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(4 * columns, 1.7 * rows), squeeze=False, layout="constrained")
    for panel in axes.flat:
        panel.axis("off")
    for panel, scan in zip(axes.flat, chosen.itertuples(), strict=False):
        reason = "" if pd.isna(scan.reason) else f": {scan.reason:.60}"
        panel.set_title(f"{scan.subject} {scan.session} {scan.status}{reason}", fontsize=6)
        if isinstance(scan.path, str) and Path(scan.path).is_file():
            _show(panel, central_slices(nib.load(scan.path).get_fdata(dtype=np.float32)), cmap="gray", vmin=0, vmax=1)
        else:
            panel.text(0.5, 0.5, "no image", ha="center", va="center", fontsize=8)
    _save(figure, output)
