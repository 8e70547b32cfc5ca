"""plan.csv: what each stage of a run takes."""

from __future__ import annotations

import pandas as pd

from ldae.config.load import Config
from ldae.planning.measurements import Sides
from ldae.planning.plan import plan_run


def tabulate_plan(config: Config, sides: Sides) -> pd.DataFrame:
    """A row per stage, and one for the whole run.

    Returns
    -------
    DataFrame
        stage, scans, steps (of the optimizer; empty where nothing is trained), parameters_million (trained), tflop,
        gpu_gb (empty on the CPU), host_gb, disk_gb (that stays), hours, device. The last row's memory is the largest;
        its disk and hours are sums, as if the stages ran one after the other.
    """
    works = pd.DataFrame(plan_run(config, sides))
    table = pd.DataFrame(
        {
            "stage": works["stage"],
            "scans": works["scans"],
            "steps": works["steps"].where(works["steps"] > 0).astype("Int64"),
            "parameters_million": works["parameters"].where(works["parameters"] > 0) / 1e6,
            "tflop": works["flop"] / 1e12,
            "gpu_gb": works["gpu_mb"].where(works["gpu_mb"] > 0) / 1e3,
            "host_gb": works["host_mb"] / 1e3,
            "disk_gb": works["disk_mb"] / 1e3,
            "hours": works["hours"],
        }
    )
    sums, peaks = table[["tflop", "disk_gb", "hours"]].sum(), table[["gpu_gb", "host_gb"]].max()
    whole = {"stage": "all, one after the other", "scans": sides.all, **sums, **peaks}
    return pd.concat([table, pd.DataFrame([whole])], ignore_index=True).assign(device=config.plan.device)
