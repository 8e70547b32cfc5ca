"""Which axial slices the semantic encoder attends to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ldae.report.anatomy import LABEL_SIZE, TITLE_SIZE, Views
from ldae.report.examples import read_example
from ldae.report.figures import DIAGNOSES, OTHER_COLOR, save_figure

STEPS = {"query": "soft attention that makes the query", "pooling": "attention of the query, mean of its heads"}


def draw_slice_attention(examples: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw the mean weight of each axial slice by diagnosis beside a sagittal slice of the same height.

    Parameters
    ----------
    examples : path
        The part "attention" of it; see `ldae.evaluation.measure.examples.attend`.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    content = read_example(examples, "attention")
    affine, scan, diagnosis = content["affine"], content["scan"], content["diagnosis"]
    height_mm = affine[2, 3] + affine[2, 2] * np.arange(scan.shape[2])
    views = Views(affine, scan.shape, ("sagittal",))
    figure = Figure(figsize=(9.5, 3.2), layout="constrained")
    picture, *panels = figure.subplots(1, 3, width_ratios=[1.1 * views.aspect, 1, 1])
    views.draw(picture, scan, places=True, bar=True)
    for panel, (step, title) in zip(panels, STEPS.items(), strict=True):
        _draw_weights(panel, content[step], diagnosis, height_mm)
        panel.set_title(title, fontsize=TITLE_SIZE)
        half = affine[2, 2] / 2
        panel.set_ylim(height_mm[0] - half, height_mm[-1] + half)
    panels[0].set_ylabel("z, mm (inferior to superior)", fontsize=LABEL_SIZE)
    panels[0].legend(fontsize=LABEL_SIZE)
    save_figure(figure, output, phantom=phantom)


def _draw_weights(panel: Axes, weights: np.ndarray, diagnosis: np.ndarray, height_mm: np.ndarray) -> None:
    """Means of the weights (subjects, W) as curves that run upwards, with one standard deviation around them."""
    for name, color in DIAGNOSES.items():
        own = weights[diagnosis == name]
        if len(own):
            mean, spread = own.mean(0), own.std(0)
            panel.plot(mean, height_mm, color=color, label=f"{name}, {len(own)} test subjects")
            panel.fill_betweenx(height_mm, mean - spread, mean + spread, color=color, alpha=0.15, linewidth=0)
    equal = 1 / weights.shape[1]
    panel.axvline(equal, color=OTHER_COLOR, linestyle="--", linewidth=0.8, label="all slices alike")
    panel.set_xlabel("weight of the slice (mean, ± 1 SD of the subjects)", fontsize=LABEL_SIZE)
    panel.set_xlim(left=0)
    panel.tick_params(labelsize=LABEL_SIZE)
