"""Time the check of fabricated series of 166 slices, and the same again with all verdicts kept.

Usage: python benchmarks/check.py [--series 40] [--workers 1]
CPU seconds of all processes count; files are warm in the system's cache, so a cold or remote disk takes longer.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from ldae.cohort.adni.headers import check_headers  # noqa: E402
from ldae.cohort.disk import list_files  # noqa: E402
from ldae.phantom.scanner import SeriesHeader, write_series  # noqa: E402

SHAPE, SPACING_MM = (166, 64, 64), (1.2, 3.75, 3.75)  # pixels are not read, so few will do


def fabricate(folder: Path, series: int) -> None:
    """Write one series a subject."""
    volume = np.zeros(SHAPE, np.uint16)
    for number in range(1, series + 1):
        ptid = f"011_S_{number:04d}"
        head = SeriesHeader(ptid, "Female", 70.0, "MP-RAGE", 3.0, datetime(2010, 3, 2, 10), number + 500, number)
        (folder / head.folder).mkdir(parents=True)
        write_series(volume, np.diag([*SPACING_MM, 1]), head, folder / head.folder)


def cpu_seconds() -> float:
    """CPU seconds of this process and of those that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Check the series twice, the second time with all verdicts kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=40)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        images, state = Path(scratch, "images"), Path(scratch, "state.csv")
        fabricate(images, arguments.series)
        for name in ("first check", "unchanged"):
            wall, cpu = time.perf_counter(), cpu_seconds()
            verdicts = check_headers(list_files(images), images, workers=arguments.workers, state=state)["verdict"]
            wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
            assert (verdicts == "sound").all()
            rate = f"{arguments.series / cpu:.1f} series a CPU-second"
            print(f"{name:12s} {wall:6.2f} s with {arguments.workers} workers, {cpu:6.2f} CPU-s, {rate}")


if __name__ == "__main__":
    main()
