"""The riskiest scans of quality control in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np

from ldae.config.preprocessing import QCConfig
from ldae.report.figures import central_slices, panel_grid, save_figure, show_image
from ldae.report.qc_scans import read_scans


def draw_qc_montage(qc: str | Path, config: QCConfig, output: str | Path, count: int) -> None:
    """Draw the central slices of the riskiest scans, in the order of `read_scans`.

    Parameters
    ----------
    qc : path
        `results/qc.csv`.
    config : QCConfig
        The section `qc`.
    output : path
        PNG.
    count : int
        Number of scans at most.
    """
    chosen = read_scans(qc, config).head(count)
    figure, axes = panel_grid(len(chosen), (4, 1.7))
    for panel, scan in zip(axes, chosen.itertuples(), strict=True):
        panel.axis("off")
        reason = f"judged by {scan.rater}: {scan.override_reason}" if scan.override else scan.reason
        panel.set_title(f"{scan.subject} {scan.session} {scan.verdict} {reason:.60}", fontsize=6)
        if scan.path and Path(scan.path).is_file():
            volume = cast(nib.Nifti1Image, nib.load(scan.path)).get_fdata(dtype=np.float32)
            show_image(panel, central_slices(volume), cmap="gray", vmin=0, vmax=1)
        else:
            panel.text(0.5, 0.5, "no image", ha="center", va="center", fontsize=8)
    save_figure(figure, output)
