"""The riskiest scans of quality control in one picture."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from ldae.config import QC
from ldae.report.figures import central_slices, plt, save_figure, show_image
from ldae.report.qc_scans import read_scans


def draw_qc_montage(qc: str | Path, config: QC, output: str | Path, count: int) -> None:
    """Draw the central slices of the riskiest scans, in the order of `read_scans`.

    Parameters
    ----------
    qc : `results/qc.csv`
    config : the section `qc`
    output : PNG
    count : number of scans at most
    """
    chosen = read_scans(qc, config).head(count)
    columns = min(4, max(1, len(chosen)))
    rows = max(1, -(-len(chosen) // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(4 * columns, 1.7 * rows), squeeze=False, layout="constrained")
    for panel in axes.flat:
        panel.axis("off")
    for panel, scan in zip(axes.flat, chosen.itertuples(), strict=False):
        reason = f"judged by {scan.rater}: {scan.override_reason}" if scan.override else scan.reason
        panel.set_title(f"{scan.subject} {scan.session} {scan.verdict} {reason:.60}", fontsize=6)
        if scan.path and Path(scan.path).is_file():
            volume = nib.load(scan.path).get_fdata(dtype=np.float32)
            show_image(panel, central_slices(volume), cmap="gray", vmin=0, vmax=1)
        else:
            panel.text(0.5, 0.5, "no image", ha="center", va="center", fontsize=8)
    save_figure(figure, output)
