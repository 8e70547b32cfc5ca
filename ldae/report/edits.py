"""Test scans edited towards AD, and scans with one y_sem and several noises."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ldae.report.anatomy import (
    INTENSITY,
    LABEL_SIZE,
    TWO_PLANES,
    Views,
    color_bars,
    difference_window,
    panel_rows,
    spread_window,
    title_columns,
)
from ldae.report.examples import read_example
from ldae.report.figures import draw_note, save_figure


def draw_manipulation(examples: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw one scan of each diagnosis edited towards AD and away from it; below, what the edit changed.

    The differences are to the edit of strength 0, which is the reconstruction, on one scale.

    Parameters
    ----------
    examples : path
        The part "manipulation" of it; see `ldae.evaluation.measure.examples.edit`.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    content = read_example(examples, "manipulation")
    if "note" in content:
        draw_note("Semantic manipulation", str(content["note"]), output, phantom=phantom)
        return
    strength, edited = content["strength"], content["edited"]
    zero = int(np.flatnonzero(strength == 0)[0])
    differences = edited - edited[:, zero : zero + 1]
    window = difference_window(differences, "edited - not edited")
    views = Views(content["affine"], edited.shape[2:], TWO_PLANES)
    figure, axes = panel_rows(views, 2 * len(edited), 1 + len(strength), 9.5)
    titles = ["rebuilt" if value == 0 else f"{value:+g} log-odds of AD" for value in strength]
    title_columns(axes, ["scan", *titles])
    for i, name in enumerate(content["name"]):
        above, below = axes[2 * i], axes[2 * i + 1]
        grey = views.draw(above[0], content["scan"][i], INTENSITY, places=i == 0, bar=True)
        above[0].set_ylabel(str(name), fontsize=LABEL_SIZE)
        below[0].axis("off")
        for column in range(len(strength)):
            views.draw(above[1 + column], edited[i, column], INTENSITY, places=i == 0)
            if column == zero:
                below[1 + column].axis("off")
            else:
                colored = views.draw(below[1 + column], differences[i, column], window)
    color_bars(figure, axes, (grey, INTENSITY), (colored, window))
    save_figure(figure, output, phantom=phantom)


def draw_variation(examples: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw one scan of each diagnosis, scans decoded from its y_sem and other noises, and their mean and spread.

    Parameters
    ----------
    examples : path
        The part "variation" of it; see `ldae.evaluation.measure.examples.vary`.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    content = read_example(examples, "variation")
    if "note" in content:
        draw_note("Stochastic variation", str(content["note"]), output, phantom=phantom)
        return
    variant, count = content["variant"], int(content["count"])
    window = spread_window(content["spread"], f"standard deviation over {count} noises")
    views = Views(content["affine"], variant.shape[2:], TWO_PLANES)
    shown = variant.shape[1]
    figure, axes = panel_rows(views, len(variant), shown + 3, 9.5)
    noises = [f"noise {number + 1}" for number in range(shown)]
    title_columns(axes, ["scan", *noises, f"mean of {count}", "spread"])
    for i, (row, name) in enumerate(zip(axes, content["name"], strict=True)):
        row[0].set_ylabel(str(name), fontsize=LABEL_SIZE)
        for column, volume in enumerate([content["scan"][i], *variant[i], content["mean"][i]]):
            grey = views.draw(row[column], volume, INTENSITY, places=i == 0, bar=column == 0)
        colored = views.draw(row[-1], content["spread"][i], window, places=i == 0)
    color_bars(figure, axes, (grey, INTENSITY), (colored, window))
    save_figure(figure, output, phantom=phantom)
