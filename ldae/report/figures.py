"""What every figure shares, and the training curves; each function that draws reads files and writes one figure.

Figures are objects, never pyplot's, so no display, no backend and no global state is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from textwrap import fill

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from ldae.errors import UserError
from ldae.files import atomic_path, read_table

DPI = 200
MAX_COLUMNS = 4
PHANTOM, PHANTOMS_MODEL = "phantom: fabricated data", "by a model that learnt from a phantom"
STAMP_GAP_IN = 0.05
DIAGNOSES = {"CN": "C0", "MCI": "C1", "AD": "C3"}  # in the order of severity, with their colours
OTHER_COLOR = "0.6"


def save_figure(figure: Figure, output: str | Path, *, phantom: bool = False, stamp: str = PHANTOM) -> None:
    """Write a figure as PNG and beside it as SVG, each atomically.

    In the SVG texts are texts and images are pixels; two figures of the same content are the same file.

    Parameters
    ----------
    figure : Figure
    output : path
        The PNG; the SVG has the same name.
    phantom : bool
        The data is fabricated: the figure says so below all else that is drawn.
    stamp : str
        In which words.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a $ in a reason or a name is a $
    if phantom:
        _stamp(figure, stamp)
    for path in (Path(output), Path(output).with_suffix(".svg")):
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        with atomic_path(path) as temporary, rc_context({"svg.fonttype": "none", "svg.hashsalt": path.name}):
            figure.savefig(temporary, dpi=DPI, bbox_inches="tight", metadata=metadata)


def _stamp(figure: Figure, words: str) -> None:
    figure.draw_without_rendering()  # lays the figure out
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    place = drawn.x1 / width, (drawn.y0 - STAMP_GAP_IN) / height
    figure.text(*place, words, ha="right", va="top", fontsize=9, color="C3", weight="bold")


def draw_note(title: str, words: str, output: str | Path, *, phantom: bool = False) -> None:
    """Write a figure that says why there is nothing to draw."""
    figure = Figure(figsize=(6, 1.5))
    figure.text(0.5, 0.7, title, ha="center", va="center", fontsize=11)
    figure.text(0.5, 0.35, fill(words, 80), ha="center", va="center", fontsize=9)
    save_figure(figure, output, phantom=phantom)


def panel_grid(count: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, each of `size` (width, height) in inches, four in a row."""
    columns = min(MAX_COLUMNS, max(1, count))
    rows = max(1, ceil(count / columns))
    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for unused in axes.flat[count:]:
        unused.axis("off")
    return figure, list(axes.flat[:count])


def draw_training_curves(histories: Mapping[str, str | Path], output: str | Path, *, phantom: bool = False) -> None:
    """Draw every numeric column named train_* or val_* against the step: one panel per stage and quantity.

    The quantity is the word after train_ or val_; val_loss and val_loss_shuffled share a panel.

    Parameters
    ----------
    histories : mapping
        Stage to its history CSV (a column step, one row per validation).
    output : path
        PNG; see `save_figure`.
    phantom : bool
        See `save_figure`.

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
    save_figure(figure, output, phantom=phantom)


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
