"""efficiency.csv: seconds, memory and arithmetic per scan, and how much faster than the voxel DAE."""

from __future__ import annotations

from statistics import median

import numpy as np
import pandas as pd

from ldae.config import names
from ldae.evaluation.measure.efficiency import RECONSTRUCT

PAPER_SPEEDUP = 20.0  # published, LDAE over the voxel DAE
MEASURED = ["at", "system", "operation"]


def tabulate_efficiency(runs: pd.DataFrame) -> pd.DataFrame:
    """Each scan's share of its batch, and ratios to the voxel DAE.

    Parameters
    ----------
    runs : DataFrame
        What `ldae.evaluation.measure.efficiency.run_measurements` returned.

    Returns
    -------
    DataFrame
        A row per measurement: at (equal T or own best T), system, operation, solver, steps, device, batch_size,
        repeats; seconds_per_scan (median; _low and _high the fastest and slowest run), scans_per_hour, peak_memory_gb,
        tflop_per_scan, faster_than_dae (the DAE's seconds over these, same operation, same "at"),
        paper_faster_than_dae.
    """
    table = pd.DataFrame([_row(group) for _, group in runs.groupby(MEASURED, sort=False)])
    reference = table[table["system"] == names.DAE].set_index(["at", "operation"])["seconds_per_scan"]
    keys = pd.MultiIndex.from_frame(table[["at", "operation"]])
    table["faster_than_dae"] = reference.reindex(keys).to_numpy() / table["seconds_per_scan"]
    table["paper_faster_than_dae"] = np.where(
        (table["system"] == names.LDAE) & (table["operation"] == RECONSTRUCT), PAPER_SPEEDUP, np.nan
    )
    return table


def _row(runs: pd.DataFrame) -> dict:
    first = runs.iloc[0]
    seconds = (runs["seconds"] / first["batch_size"]).tolist()
    return {
        **first[[*MEASURED, "solver", "steps", "device", "batch_size"]],
        "repeats": len(runs),
        "seconds_per_scan": median(seconds),
        "seconds_per_scan_low": min(seconds),
        "seconds_per_scan_high": max(seconds),
        "scans_per_hour": 3600 / median(seconds),
        "peak_memory_gb": first["peak_memory_gb"],
        "tflop_per_scan": first["tflop"] / first["batch_size"],
    }
