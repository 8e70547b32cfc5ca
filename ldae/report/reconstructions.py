"""Test scans and what the systems rebuild of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ldae.data.labels import read_dataset
from ldae.evaluation.arrays import read_arrays
from ldae.report.anatomy import (
    INTENSITY,
    LABEL_SIZE,
    TWO_PLANES,
    Views,
    color_bars,
    difference_window,
    panel_rows,
    title_columns,
)
from ldae.report.examples import read_example
from ldae.report.figures import draw_note, save_figure

REBUILT = {"autoencoder": "AutoencoderKL", "ldae": "LDAE, encoded z_T", "y_sem_only": "LDAE, y_sem only"}
DIFFERENCE = "rebuilt - scan"


def draw_reconstructions(
    examples: str | Path, dataset: str | Path, output: str | Path, *, phantom: bool = False
) -> None:
    """Draw test scans, their reconstructions, and below them the differences, on one scale.

    Parameters
    ----------
    examples : path
        NPZ with volumes (N, D, H, W), intensities 0..1, named scan, autoencoder, ldae, y_sem_only; subject, session;
        affine (4, 4).
    dataset : path
        The table of labels, for the diagnoses.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    content = read_arrays(examples)
    diagnosis = read_dataset(dataset).set_index(["subject", "session"])["diagnosis"]
    people = zip(content["subject"], content["session"], strict=True)
    names = [f"{subject}\n{session} {diagnosis[subject, session]}" for subject, session in people]
    rebuilt = np.stack([content[name] for name in REBUILT], 1)
    views = Views(content["affine"], content["scan"].shape[1:])
    _draw(views, content["scan"], rebuilt, names, list(REBUILT.values()), output, phantom)


def draw_reconstruction_steps(examples: str | Path, output: str | Path, *, phantom: bool = False) -> None:
    """Draw the test subjects that LDAE rebuilds best, worst and in between at each T, with differences below.

    Parameters
    ----------
    examples : path
        The part "reconstruction" of it; see `ldae.evaluation.measure.examples.rebuild`.
    output, phantom : path, bool
        See `ldae.report.figures.save_figure`.
    """
    content = read_example(examples, "reconstruction")
    if "note" in content:
        draw_note("Reconstruction at each T", str(content["note"]), output, phantom=phantom)
        return
    names = [f"{rank}\n{name}" for rank, name in zip(content["rank"], content["name"], strict=True)]
    views = Views(content["affine"], content["scan"].shape[1:], TWO_PLANES)
    titles = [f"T = {steps}" for steps in content["steps"]]
    _draw(views, content["scan"], content["rebuilt"], names, titles, output, phantom, content["ssim"])


def _draw(
    views: Views,
    scans: np.ndarray,
    rebuilt: np.ndarray,
    names: list[str],
    titles: list[str],
    output: str | Path,
    phantom: bool,
    ssim: np.ndarray | None = None,
) -> None:
    """Two rows per scan: scans (N, D, H, W) and rebuilt (N, K, D, H, W), and the differences of the latter."""
    differences = rebuilt - scans[:, None]
    window = difference_window(differences, DIFFERENCE)
    figure, axes = panel_rows(views, 2 * len(scans), 1 + len(titles), 9.5)
    title_columns(axes, ["scan", *titles])
    for i, (scan, name) in enumerate(zip(scans, names, strict=True)):
        above, below = axes[2 * i], axes[2 * i + 1]
        grey = views.draw(above[0], scan, INTENSITY, places=i == 0, bar=True)
        above[0].set_ylabel(name, fontsize=LABEL_SIZE)
        below[0].axis("off")
        for column in range(len(titles)):
            views.draw(above[1 + column], rebuilt[i, column], INTENSITY, places=i == 0)
            colored = views.draw(below[1 + column], differences[i, column], window)
            if ssim is not None:
                below[1 + column].set_xlabel(f"SSIM {ssim[i, column]:.3f}", fontsize=LABEL_SIZE)
    color_bars(figure, axes, (grey, INTENSITY), (colored, window))
    save_figure(figure, output, phantom=phantom)
