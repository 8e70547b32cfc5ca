"""efficiency.csv: seconds, memory and arithmetic per scan, held against the voxel DAE and against LDAE."""

from __future__ import annotations

from statistics import median

import numpy as np
import pandas as pd

from ldae.config import names
from ldae.evaluation.measure.arithmetic import RECONSTRUCT
from ldae.evaluation.measure.efficiency import MEASURED

PAPER_SPEEDUP = 20.0  # published, LDAE over the voxel DAE
COMPARED = ["basis", "at", "operation"]  # rows that are held against each other


def tabulate_efficiency(runs: pd.DataFrame) -> pd.DataFrame:
    """Each scan's share of its batch, and ratios to the voxel DAE and to LDAE.

    Parameters
    ----------
    runs : DataFrame
        What `ldae.evaluation.measure.efficiency.measure_efficiency` wrote.

    Returns
    -------
    DataFrame
        A row per measurement or count: basis ("measured", or "counted at the published size", which has no seconds
        and no memory), grid, at (equal T or own best T), system, operation, solver, steps, device, batch_size, repeats;
        seconds_per_scan (median; _low and _high the fastest and slowest run), scans_per_hour, peak_memory_gb,
        tflop_per_scan; faster_than_dae, the DAE's seconds over these, and tflop_over_ldae, these TFLOP over LDAE's, for
        the same basis, operation and "at"; paper_faster_than_dae.
    """
    table = pd.DataFrame([_row(group) for _, group in runs.groupby([*COMPARED, "system"], sort=False)])
    table["faster_than_dae"] = _of(table, names.DAE, "seconds_per_scan") / table["seconds_per_scan"]
    table["tflop_over_ldae"] = table["tflop_per_scan"] / _of(table, names.LDAE, "tflop_per_scan")
    reconstructed = (table["system"] == names.LDAE) & (table["operation"] == RECONSTRUCT)
    published = reconstructed & (table["basis"] == MEASURED)
    table["paper_faster_than_dae"] = np.where(published, PAPER_SPEEDUP, np.nan)
    return table


def _of(table: pd.DataFrame, system: str, column: str) -> np.ndarray:
    """What a system has in `column`, beside every row that is held against it."""
    reference = table[table["system"] == system].set_index(COMPARED)[column]
    return reference.reindex(pd.MultiIndex.from_frame(table[COMPARED])).to_numpy()


def _row(runs: pd.DataFrame) -> dict:
    first = runs.iloc[0]
    seconds = (runs["seconds"] / first["batch_size"]).tolist()
    return {
        **first[["basis", "grid", "at", "system", "operation", "solver", "steps", "device", "batch_size"]],
        "repeats": runs["seconds"].count(),
        "seconds_per_scan": median(seconds),
        "seconds_per_scan_low": min(seconds),
        "seconds_per_scan_high": max(seconds),
        "scans_per_hour": 3600 / median(seconds),
        "peak_memory_gb": first["peak_memory_gb"],
        "tflop_per_scan": first["tflop"] / first["batch_size"],
    }
