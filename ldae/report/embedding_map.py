"""The codes y_sem of all scans on a map, coloured by what is known of people and scanners."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from ldae.data.scans import SCAN_KEY
from ldae.errors import UserError
from ldae.files import read_table
from ldae.report.figures import DIAGNOSES, OTHER_COLOR, save_figure

OTHER, UNKNOWN = "others", "unknown"
PALETTE = [f"C{i}" for i in (0, 1, 2, 3, 4, 5, 6, 8, 9)]  # C7 is grey
MARKERS = {"train": ".", "validation": "x", "test": "o"}


def draw_embedding_map(codes: str | Path, dataset: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw y_sem of every scan on the first two principal components of the training scans.

    One panel each for diagnosis, age, field strength and site, of the latter two the most frequent ones.

    Parameters
    ----------
    codes : path
        Columns subject, session, split, y_sem_0, …
    dataset : path
        Columns subject, session, diagnosis, age, field_strength_t, site.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.

    Raises
    ------
    UserError
        There are fewer than two training scans.
    """
    texts = dict.fromkeys((*SCAN_KEY, "diagnosis", "site"), str)
    facts = read_table(dataset, (*SCAN_KEY, "diagnosis", "age", "field_strength_t", "site"), dtype=texts)
    table = read_table(codes, (*SCAN_KEY, "split", "y_sem_0"), dtype=dict.fromkeys(SCAN_KEY, str))
    place, explained = place_scans(table, codes)
    known = table[[*SCAN_KEY, "split"]].merge(facts.drop(columns="split", errors="ignore"), on=SCAN_KEY, how="left")
    known[["first", "second"]] = place
    field = known["field_strength_t"].map("{:g} T".format, na_action="ignore")
    figure = Figure(figsize=(9, 8.2), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    _draw_groups(axes[0, 0], known, known["diagnosis"], "diagnosis", DIAGNOSES)
    _draw_age(figure, axes[0, 1], known)
    for panel, title, values in ((axes[1, 0], "field strength", field), (axes[1, 1], "site", known["site"])):
        groups = frequent(values)
        _draw_groups(panel, known, groups, title, _colors(groups))
    for panel in axes[-1]:
        panel.set_xlabel(f"first component ({explained[0]:.0%} of the variance)", fontsize=8)
    for panel in axes[:, 0]:
        panel.set_ylabel(f"second component ({explained[1]:.0%})", fontsize=8)
    counts = f"{known['subject'].nunique()} subjects, {len(known)} scans"
    marks = "dots: training, crosses: validation, circles: test"
    figure.suptitle(f"y_sem of {counts}, on the components of the training scans\n{marks}", fontsize=10)
    save_figure(figure, output, phantom=phantom)


def place_scans(table: pd.DataFrame, where: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Two principal components (scans, 2) of y_sem, fitted to the training scans, and their shares of the variance."""
    features = table[[name for name in table if name.startswith("y_sem_")]].to_numpy(dtype=float)
    train = features[(table["split"] == "train").to_numpy()]
    if min(train.shape) < 2:
        raise UserError(where, "two training scans at least, of two numbers each", f"{train.shape}", "add subjects")
    fitted = PCA(2).fit(train)
    return fitted.transform(features), fitted.explained_variance_ratio_


def frequent(values: pd.Series) -> pd.Series:
    """The most frequent values, as many as there are colours, the rest as `OTHER`; missing where unknown."""
    shown = values.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[: len(PALETTE)]
    return values.where(values.isin(shown) | values.isna(), OTHER)


def _colors(groups: pd.Series) -> dict[str, str]:
    named = sorted(set(groups.dropna()) - {OTHER})
    return dict(zip(named, PALETTE[: len(named)], strict=True)) | ({OTHER: "0.4"} if OTHER in set(groups) else {})


def _draw_groups(panel: Axes, known: pd.DataFrame, groups: pd.Series, title: str, colors: dict[str, str]) -> None:
    """A colour per group; what is in none of them is grey."""
    named = groups.where(groups.isin(list(colors)), UNKNOWN)
    shown, labels = [], []
    for name, color in ({UNKNOWN: OTHER_COLOR} | colors).items():
        own = known[named == name]
        for split, marker in MARKERS.items():
            part = own[own["split"] == split]
            panel.plot(part["first"], part["second"], marker, color=color, markersize=4, alpha=0.7, linestyle="")
        if len(own):
            shown += panel.plot([], [], "o", color=color, markersize=4)
            labels.append(f"{name} ({len(own)})")
    panel.set_title(title, fontsize=10)
    panel.tick_params(labelsize=7)
    legend = panel.legend(shown, labels, fontsize=7)  # of a line's own label, one that begins with _ is left out
    if len(colors) > len(DIAGNOSES):
        legend.set_loc("upper left")
        legend.set_bbox_to_anchor((1, 1))


def _draw_age(figure: Figure, panel: Axes, known: pd.DataFrame) -> None:
    ages = known["age"]
    limits = {"vmin": ages.min(), "vmax": ages.max(), "cmap": "viridis"}
    for split, marker in MARKERS.items():
        part = known[(known["split"] == split) & ages.notna()]
        drawn = panel.scatter(part["first"], part["second"], c=part["age"], marker=marker, s=16, alpha=0.8, **limits)
    unknown = known[ages.isna()]
    panel.plot(unknown["first"], unknown["second"], ".", color=OTHER_COLOR)
    panel.set_title(f"age ({len(unknown)} unknown)" if len(unknown) else "age", fontsize=10)
    panel.tick_params(labelsize=7)
    bar = figure.colorbar(drawn, ax=panel, shrink=0.8)
    bar.set_label("age, years", fontsize=8)
    bar.ax.tick_params(labelsize=7)
