"""Time the preprocessing of one scan, step by step, beside N4 with antspyx's own settings at full size.

Usage: python benchmarks/preprocessing.py SCAN.nii.gz [--config config.yaml presets/paper.yaml] [--skip-default-n4]
CPU seconds of one thread, within one run; compare ratios, not seconds of different machines.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from ldae.config import Preprocessing, load_config  # noqa: E402
from ldae.preprocessing import bias_field, brain_mask, precheck, quality, registration, volume  # noqa: E402
from ldae.preprocessing.grid import Grid, covering_grid, mni_template  # noqa: E402
from ldae.preprocessing.resampling import resample_brain  # noqa: E402
from ldae.preprocessing.scan import CROP_MARGIN_MM  # noqa: E402


def timed(rows: dict[str, float], name: str, step: Callable) -> object:
    """Run a step and note its CPU seconds."""
    start = time.process_time()
    result = step()
    rows[name] = time.process_time() - start
    return result


def run_steps(path: str, config: Preprocessing, default_n4: bool) -> dict[str, float]:
    """CPU seconds of every step on one scan; the first line is what a worker pays once."""
    rows: dict[str, float] = {}
    registration.use_one_thread()
    model_grid = Grid(config.grid_shape, config.grid_spacing_mm, config.grid_center_mm)
    qc_grid = covering_grid(quality.QC_SPACING_MM)
    grids = (qc_grid, covering_grid(config.registration_spacing_mm))
    timed(rows, "once a worker: templates", lambda: [mni_template(grid) for grid in grids])
    timed(rows, "once a worker: networks", brain_mask._network)
    scan = timed(rows, "read and check", lambda: precheck.load_scan(path))
    mask = timed(rows, "brain mask", lambda: brain_mask.extract_brain(scan))
    scan, mask = volume.crop(scan, mask, CROP_MARGIN_MM)
    brain = timed(
        rows,
        "bias field",
        lambda: bias_field.correct_bias_field(scan, mask, config.bias_field_spacing_mm, config.bias_field_iterations),
    )
    if default_n4:
        positive = scan.with_data(np.maximum(scan.data, 1e-3)).to_ants()
        inside = scan.with_data(mask.astype(np.float32)).to_ants()
        timed(rows, "bias field, antspyx's defaults", lambda: positive.n4_bias_field_correction(mask=inside))
    with registration.register(brain, config.transform, config.registration_spacing_mm):
        pass  # the first one in a process is slower
    start = time.process_time()
    with registration.register(brain, config.transform, config.registration_spacing_mm) as transforms:
        rows[f"registration ({config.transform})"] = time.process_time() - start
        target = model_grid.volume()
        timed(rows, "to the model grid", lambda: resample_brain(brain, mask, target, transforms))
        shown, inside = timed(rows, "to the QC grid", lambda: resample_brain(brain, mask, qc_grid.volume(), transforms))
    aligned = qc_grid.volume(shown)
    timed(rows, "QC numbers", lambda: quality.measure_alignment(aligned, inside, mni_template(qc_grid)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan")
    parser.add_argument("--config", nargs="+", default=[str(ROOT / "config.yaml")])
    parser.add_argument("--skip-default-n4", action="store_true")
    arguments = parser.parse_args()
    config = load_config(*arguments.config).preprocessing
    rows = run_steps(arguments.scan, config, not arguments.skip_default_n4)
    for name, seconds in rows.items():
        print(f"{name:32s} {seconds:7.2f} CPU-s")
    every_scan = sum(s for name, s in rows.items() if not name.startswith("once") and "defaults" not in name)
    print(f"{'a scan':32s} {every_scan:7.2f} CPU-s")
    print(f"{'largest memory':32s} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MiB")


if __name__ == "__main__":
    main()
