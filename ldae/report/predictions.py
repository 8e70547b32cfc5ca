"""What the probes of y_sem say of the test scans: ROC and calibration of the diagnosis, predicted against true age."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score, roc_curve

from ldae.evaluation.tables.predictions import read_predictions
from ldae.report.figures import DIAGNOSES, OTHER_COLOR, draw_note, save_figure

POSITIVE, NEGATIVE = "AD", "CN"
BINS = 5
CALIBRATION = {"p_AD": ("as the probe gives it", "C0"), "p_AD_calibrated": ("calibrated on validation subjects", "C3")}


def draw_diagnosis(predictions: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw the ROC curve of AD against CN and how often AD is right by its predicted probability, on the test scans.

    Parameters
    ----------
    predictions : path
        What `ldae.evaluation.tables.predictions.write_predictions` wrote.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    test = _test_scans(predictions)
    test = test[test["diagnosis"].isin([POSITIVE, NEGATIVE]) & test["p_AD"].notna()]
    positive = (test["diagnosis"] == POSITIVE).to_numpy()
    if not positive.any() or positive.all():
        words = f"there are no predictions of test scans of both {POSITIVE} and {NEGATIVE}"
        draw_note("Diagnosis: ROC and calibration", words, output, phantom=phantom)
        return
    figure = Figure(figsize=(8.5, 4.4), layout="constrained")
    roc, calibration = figure.subplots(1, 2)
    false, true, _ = roc_curve(positive, test["p_AD"])
    roc.plot(
        false, true, color="C3", drawstyle="steps-post", label=f"LDAE, area {roc_auc_score(positive, test['p_AD']):.2f}"
    )
    roc.plot([0, 1], [0, 1], "--", color=OTHER_COLOR, linewidth=0.8, label="chance")
    roc.set(
        xlabel=f"share of {NEGATIVE} scans called {POSITIVE}", ylabel=f"share of {POSITIVE} scans called {POSITIVE}"
    )
    roc.set_title(f"{POSITIVE} against {NEGATIVE}: ROC", fontsize=10)
    _draw_calibration(calibration, test, positive)
    for panel in (roc, calibration):
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        panel.legend(fontsize=8, loc="lower right" if panel is roc else "upper left")
    counts = f"{positive.sum()} {POSITIVE}, {(~positive).sum()} {NEGATIVE} scans"
    figure.suptitle(f"{test['subject'].nunique()} test subjects ({counts})", fontsize=10)
    save_figure(figure, output, phantom=phantom)


def draw_age(predictions: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw the predicted against the true age of every test scan, coloured by diagnosis.

    Parameters
    ----------
    predictions : path
        What `ldae.evaluation.tables.predictions.write_predictions` wrote.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    test = _test_scans(predictions).dropna(subset=["age", "predicted_age"])
    if test.empty:
        words = "there is no predicted age of a test scan whose age is known"
        draw_note("Predicted against true age", words, output, phantom=phantom)
        return
    figure = Figure(figsize=(4.8, 4.8), layout="constrained")
    axes = figure.subplots()
    known = test["diagnosis"].where(test["diagnosis"].isin(DIAGNOSES), "unknown")
    for name, color in (DIAGNOSES | {"unknown": OTHER_COLOR}).items():
        own = test[known == name]
        if len(own):
            axes.plot(own["age"], own["predicted_age"], "o", color=color, markersize=4, alpha=0.7, label=name)
    both = test[["age", "predicted_age"]].to_numpy()
    ends = both.min() - 1, both.max() + 1
    axes.plot(ends, ends, "--", color=OTHER_COLOR, linewidth=0.8, label="true age")
    axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel="age, years", ylabel="predicted age, years")
    error = (test["predicted_age"] - test["age"]).abs().mean()
    counts = f"{test['subject'].nunique()} test subjects, {len(test)} scans"
    axes.set_title(f"{counts}\nmean absolute error {error:.1f} years", fontsize=10)
    axes.legend(fontsize=8)
    save_figure(figure, output, phantom=phantom)


def calibration_bins(probability: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean predicted probability and share of positives in `BINS` bins of equally many scans at most."""
    share, predicted = calibration_curve(positive, probability, n_bins=min(BINS, len(positive)), strategy="quantile")
    return predicted, share


def _draw_calibration(panel: Axes, test: pd.DataFrame, positive: np.ndarray) -> None:
    for column, (label, color) in CALIBRATION.items():
        probability = test[column].to_numpy()
        if np.isfinite(probability).all():
            panel.plot(*calibration_bins(probability, positive), "o-", color=color, markersize=4, label=label)
    panel.plot([0, 1], [0, 1], "--", color=OTHER_COLOR, linewidth=0.8, label="perfect")
    panel.set(xlabel=f"predicted probability of {POSITIVE}", ylabel=f"share of scans with {POSITIVE}")
    panel.set_title(f"calibration, at most {BINS} bins of equally many scans", fontsize=10)


def _test_scans(predictions: str | Path) -> pd.DataFrame:
    return read_predictions(predictions)[lambda table: table["split"] == "test"]
