"""The riskiest scans of quality control in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np

from ldae.config.preprocessing import QCConfig
from ldae.report.anatomy import LABEL_SIZE, Views
from ldae.report.figures import panel_grid, save_figure
from ldae.report.qc_scans import read_scans


def draw_qc_montage(qc: str | Path, config: QCConfig, output: str | Path, count: int, *, phantom: bool = False) -> None:
    """Draw the central slices of the riskiest scans, in the order of `read_scans`.

    Parameters
    ----------
    qc : path
        `results/qc.csv`.
    config : QCConfig
        The section `qc`.
    output : path
        PNG; see `ldae.report.figures.save_figure`.
    count : int
        Number of scans at most.
    phantom : bool
        See `ldae.report.figures.save_figure`.
    """
    chosen = read_scans(qc, config).head(count)
    figure, axes = panel_grid(len(chosen), (3, 1.6))
    for panel, scan in zip(axes, chosen.itertuples(), strict=True):
        panel.axis("off")
        reason = f"judged by {scan.rater}: {scan.override_reason}" if scan.override else scan.reason
        panel.set_title(f"{scan.subject} {scan.session} {scan.verdict}\n{reason:.60}".rstrip(), fontsize=LABEL_SIZE)
        if scan.path and Path(scan.path).is_file():
            image = cast(nib.Nifti1Image, nib.load(scan.path))
            Views(image.affine, image.shape).draw(panel, image.get_fdata(dtype=np.float32), bar=True)
        else:
            panel.text(0.5, 0.5, "no image", ha="center", va="center", fontsize=8)
    save_figure(figure, output, phantom=phantom)
