"""A visit predicted from two others, and how wrong such predictions are by the gap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ldae.config.names import LDAE
from ldae.evaluation.measure.interpolation import BLEND, COPY, LATENT, SCAN
from ldae.evaluation.tables.interpolation import GAPS
from ldae.files import read_table
from ldae.report.anatomy import (
    INTENSITY,
    LABEL_SIZE,
    TITLE_SIZE,
    Views,
    color_bars,
    difference_window,
    panel_rows,
    title_columns,
)
from ldae.report.examples import read_example
from ldae.report.figures import draw_note, save_figure

PREDICTED = {"ldae": "LDAE", "blend": "blend of the two", "copy": "copy of the nearer"}
SYSTEMS = {LDAE: "C3", LATENT: "C0", BLEND: "C1", COPY: "C2"}
METRICS = {"ssim": "SSIM to the true visit (higher is better)", "mse": "MSE to the true visit (lower is better)"}
GAP_COLUMNS = (
    "gap_definition",
    "gap_months",
    "system",
    "target",
    "metric",
    "value",
    "low",
    "high",
    "n_subjects",
    "note",
)


def draw_interpolation(examples: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw three visits of a subject, the middle one as predicted from the outer two, and what is wrong with that.

    Parameters
    ----------
    examples : path
        The part "interpolation" of it; see `ldae.evaluation.measure.examples.predict_visit`.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    content = read_example(examples, "interpolation")
    if "note" in content:
        draw_note("Interpolation between two visits", str(content["note"]), output, phantom=phantom)
        return
    true = content["true"]
    errors = {name: content[name] - true for name in PREDICTED}
    window = difference_window(np.stack(list(errors.values())), "predicted - true visit")
    views = Views(content["affine"], true.shape)
    figure, axes = panel_rows(views, 3, 3, 9.5)
    months = content["months"]
    visits = ["first visit", f"true visit, after {months[1]:g} months", f"last visit, after {months[2]:g} months"]
    title_columns(axes, visits)
    for column, name in enumerate(("first", "true", "last")):
        grey = views.draw(axes[0, column], content[name], INTENSITY, places=True, bar=column == 0)
    for column, (name, title) in enumerate(PREDICTED.items()):
        views.draw(axes[1, column], content[name], INTENSITY)
        axes[1, column].set_title(title, fontsize=TITLE_SIZE)
        colored = views.draw(axes[2, column], errors[name], window)
        scores = f"SSIM {content['ssim'][column]:.3f}, MSE {content['mse'][column]:.5f}"
        axes[2, column].set_xlabel(scores, fontsize=LABEL_SIZE)
    for row, label in zip(axes, (str(content["name"]), "predicted", "error"), strict=True):
        row[0].set_ylabel(label, fontsize=LABEL_SIZE)
    color_bars(figure, axes, (grey, INTENSITY), (colored, window))
    save_figure(figure, output, phantom=phantom)


def draw_interpolation_gap(table: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw SSIM and MSE of predicted visits to the true scans by the gap in months, with intervals, for each system.

    Parameters
    ----------
    table : path
        What `ldae.evaluation.tables.interpolation.tabulate_interpolations` made.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    rows = read_table(table, GAP_COLUMNS)
    known = rows[rows["gap_definition"].isin(GAPS) & (rows["target"] == SCAN) & rows["value"].notna()]
    if known.empty:
        words = rows["note"].dropna()
        reason = words.iloc[0] if len(words) else "no visit was predicted"
        draw_note("Interpolation error by gap", reason, output, phantom=phantom)
        return
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots(len(METRICS), len(GAPS), sharey="row", squeeze=False)
    for panels, (metric, label) in zip(axes, METRICS.items(), strict=True):
        panels[0].set_ylabel(label, fontsize=8)
        for panel, gap in zip(panels, GAPS, strict=True):
            _draw_systems(panel, known[(known["metric"] == metric) & (known["gap_definition"] == gap)])
    for panel, gap in zip(axes[0], GAPS, strict=True):
        panel.set_title(gap, fontsize=TITLE_SIZE)
    for panel in axes[-1]:
        panel.set_xlabel("gap, months (bins of 6; below: subjects in it)", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(SYSTEMS), fontsize=8)
    save_figure(figure, output, phantom=phantom)


def _draw_systems(panel: Axes, rows: pd.DataFrame) -> None:
    """A line per system with its intervals, the systems side by side at each gap."""
    for i, (system, color) in enumerate(SYSTEMS.items()):
        own = rows[rows["system"] == system].sort_values("gap_months")
        at = own["gap_months"] + 0.5 * (i - (len(SYSTEMS) - 1) / 2)
        panel.plot(at, own["value"], "o-", color=color, markersize=4, linewidth=1, label=system)
        panel.vlines(at, own["low"], own["high"], color=color)
    counts = rows.drop_duplicates("gap_months").sort_values("gap_months")
    ticks = [f"{gap:.0f}\n({count:.0f})" for gap, count in zip(counts["gap_months"], counts["n_subjects"], strict=True)]
    panel.set_xticks(counts["gap_months"], ticks)
    panel.tick_params(labelsize=7)
    panel.grid(alpha=0.3)
