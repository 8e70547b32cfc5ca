"""reconstruction.csv: means over test scans, their uncertainty, and the published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ldae.config import names
from ldae.config.evaluation import BootstrapConfig
from ldae.data.scans import SCAN_KEY
from ldae.evaluation.measure.lpips import lpips_columns
from ldae.evaluation.measure.reconstruction import (
    ENCODED,
    OTHER,
    RECONSTRUCTION_KEYS,
    RECONSTRUCTION_METRICS,
    SEMANTIC,
)
from ldae.evaluation.statistics.bootstrap import draw_weights, estimate, weighted_mean
from ldae.files import read_table

# Published on the ADNI test set with DDIM, (SSIM with a window of 3 voxels, LPIPS, MSE); model grid 1.5 mm.
PAPER = {
    (ENCODED, 10): (0.953, 0.081, 0.001),
    (ENCODED, 20): (0.960, 0.077, 0.001),
    (ENCODED, 50): (0.962, 0.076, 0.001),
    (ENCODED, 100): (0.962, 0.075, 0.001),
    (SEMANTIC, 10): (0.872, 0.156, 0.005),
    (SEMANTIC, 20): (0.871, 0.155, 0.005),
    (SEMANTIC, 50): (0.870, 0.155, 0.005),
    (SEMANTIC, 100): (0.869, 0.155, 0.005),
}
PAPER_AUTOENCODER = (0.962, 0.075, 0.001)
PAPER_COLUMNS = ("paper_ssim_win3", "paper_lpips_squeeze", "paper_mse")


def read_reconstructions(path: str | Path) -> pd.DataFrame:
    """Read the table of `reconstruct` as it was written: empty start and solver, whole steps."""
    columns = (*RECONSTRUCTION_KEYS, *RECONSTRUCTION_METRICS, "z_T_std", "note")
    table = read_table(path, columns, dtype=dict.fromkeys(SCAN_KEY, str) | {"steps": "Int64"})
    return table.fillna({"start": "", "solver": "", "note": ""})


def tabulate_reconstructions(scans: pd.DataFrame, bootstrap: BootstrapConfig, seed: int) -> pd.DataFrame:
    """Means over test scans with intervals over subjects, the published figures beside them.

    Parameters
    ----------
    scans : DataFrame
        What `reconstruct` returned.
    bootstrap, seed : BootstrapConfig, int
        Bootstrap over subjects.

    Returns
    -------
    DataFrame
        A row per setting: model, start, solver, steps, n_subjects, n_scans; ssim, ssim_win3, mse and lpips_… for each
        backbone with _low and _high; paper_ssim_win3, paper_lpips_squeeze, paper_mse (DDIM, 1.5 mm, ADNI; empty where
        nothing is published); note.
    """
    table = []
    for keys, group in scans[scans["start"] != OTHER].groupby(RECONSTRUCTION_KEYS, dropna=False, sort=False):
        row = dict(zip(RECONSTRUCTION_KEYS, keys, strict=True))
        row |= {"n_subjects": group["subject"].nunique(), "n_scans": len(group)}
        weights = draw_weights(group["subject"], bootstrap.draws, np.random.default_rng(seed))
        for metric in (*RECONSTRUCTION_METRICS, *lpips_columns(scans)):
            result = estimate(weighted_mean(group[metric]), weights, bootstrap.confidence)
            row |= {metric: result.value, f"{metric}_low": result.low, f"{metric}_high": result.high}
        figures = PAPER_AUTOENCODER if row["model"] == names.AUTOENCODER else PAPER.get((row["start"], row["steps"]))
        row |= dict(zip(PAPER_COLUMNS, figures or [np.nan] * 3, strict=True))
        table.append(row | {"note": group["note"].iloc[0]})
    order = {ENCODED: 0, SEMANTIC: 1, "": 2}
    table.sort(key=lambda row: (order[row["start"]], row["steps"] if row["start"] else 0))
    return pd.DataFrame(table).astype({"steps": "Int64"})
