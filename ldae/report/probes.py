"""The figure of the linear probes."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from ldae.config.names import LDAE
from ldae.files import read_table
from ldae.report.figures import draw_note, save_figure

LABELS = {
    "roc_auc": "area under the ROC curve (higher is better)",
    "mae": "mean absolute error, years (lower is better)",
}
CHANCE = {"roc_auc": 0.5}


def draw_probes(table: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw what every encoder's probe gives, with its interval: one panel per task, one row per encoder.

    Parameters
    ----------
    table : path
        What `ldae.evaluation.tables.downstream.evaluate_encoders` wrote; of it the ROC AUC or MAE on all test scans.
    output : path
        PNG; see `save_figure`. The dashed line is chance.
    phantom : bool
        See `save_figure`.
    """
    columns = ("encoder", "task", "scans", "metric", "value", "low", "high", "n_subjects", "n_scans")
    rows = read_table(table, columns)
    rows = rows[rows["metric"].isin(LABELS) & (rows["scans"] == "all")]
    if rows.empty:
        draw_note("Linear probes", "no task has both diagnoses or ages: see the column note", output, phantom=phantom)
        return
    tasks = dict(tuple(rows.groupby("task", sort=False)))
    size = (3.0 * len(tasks) + 1.5, 0.25 * rows["encoder"].nunique() + 1.2)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(tasks), sharey=True, squeeze=False)
    for panel, (task, found) in zip(axes[0], tasks.items(), strict=True):
        metric, counts = found["metric"].iloc[0], found.iloc[0]
        for row in found.itertuples():
            color = "C3" if row.encoder == LDAE else "C0"
            panel.plot([row.low, row.high], [row.encoder, row.encoder], color=color)
            panel.plot(row.value, row.encoder, "o", color=color, markersize=4)
        if metric in CHANCE:
            panel.axvline(CHANCE[metric], color="0.6", linestyle="--", linewidth=0.8)
        panel.set_title(f"{task}\n{counts['n_subjects']:.0f} subjects, {counts['n_scans']:.0f} scans", fontsize=8)
        panel.set_xlabel(LABELS[metric], fontsize=8)
        panel.tick_params(labelsize=7)
    axes[0, 0].invert_yaxis()
    save_figure(figure, output, phantom=phantom)
