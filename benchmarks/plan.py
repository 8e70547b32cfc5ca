"""How far the plan of a finished run was from what its jobs took.

    python benchmarks/plan.py /path/to/the/run [CONFIG ...] > benchmarks/demo.csv

CONFIG are the files that the run had, laid over config.yaml.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from ldae.config.load import load_config
from ldae.config.schema import DEFAULTS
from ldae.planning.plan import plan_run
from ldae.planning.resources import count_sides, memory_mb


def compare(run: Path, *files: Path) -> pd.DataFrame:
    """Seconds and megabytes of each planned stage, as planned and as the run's own benchmarks have them."""
    config, rows = load_config(DEFAULTS, *files), []
    sides = count_sides(run / "results" / "scans.csv")
    for work in plan_run(config, sides):
        measured = [pd.read_csv(file, sep="\t") for file in sorted(run.glob(f"results/benchmarks/{work.stage}*.tsv"))]
        if measured and work.flop:
            peak, seconds = (max(table[name].max() for table in measured) for name in ("max_rss", "s"))
            planned = {"planned_s": 3600 * work.hours, "measured_s": seconds}
            asked = {"asked_mb": memory_mb(work.host_mb, attempt=1), "peak_mb": peak}
            rows.append({"stage": work.stage, **sides._asdict(), **planned, **asked})
    table = pd.DataFrame(rows)
    return table.assign(ratio=table["measured_s"] / table["planned_s"]).round(2)


if __name__ == "__main__":
    where, *overlays = map(Path, sys.argv[1:])
    compare(where, *overlays).to_csv(sys.stdout, index=False)
