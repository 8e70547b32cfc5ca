"""Slices of volumes as every figure shows them: which side is which, where the slice lies, how long 5 cm are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import nibabel as nib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.layout_engine import ConstrainedLayoutEngine

PLANES = ("sagittal", "coronal", "axial")  # by the axis that they cut
TWO_PLANES = ("coronal", "axial")
OPPOSITE = dict(zip("LRPAIS", "RLAPSI", strict=True))
SCALE_BAR_MM = 50
LETTER_SIZE, LABEL_SIZE, TITLE_SIZE = 6, 7, 9  # points


@dataclass(frozen=True)
class Window:
    """The values that the two ends of a colour map stand for, and in words what they are."""

    low: float
    high: float
    label: str
    cmap: str = "gray"

    @property
    def ink(self) -> str:
        """Colour of letters on its zero."""
        return "black" if self.cmap == "RdBu_r" else "white"


INTENSITY = Window(0, 1, "intensity, 0 to 1")


def difference_window(differences: np.ndarray, label: str) -> Window:
    """Symmetric about 0, blue below and red above; it holds 99.9 % of the differences, 0.05 at least."""
    limit = _limit(differences)
    return Window(-limit, limit, label, "RdBu_r")


def spread_window(spread: np.ndarray, label: str) -> Window:
    """From 0; it holds 99.9 % of the values, 0.05 at least."""
    return Window(0, _limit(spread), label, "magma")


@dataclass(frozen=True)
class Views:
    """The central slices of volumes (D, H, W) on one grid, side by side, superior or anterior up.

    Attributes
    ----------
    affine : array (4, 4)
        Voxel indices to RAS millimetres; cubic voxels along the axes.
    shape : (D, H, W)
    planes : sequence of {"sagittal", "coronal", "axial"}
    """

    affine: np.ndarray
    shape: tuple[int, ...]
    planes: tuple[str, ...] = PLANES

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Columns and rows of each slice."""
        across = {"sagittal": (1, 2), "coronal": (0, 2), "axial": (0, 1)}
        return [(self.shape[across[plane][0]], self.shape[across[plane][1]]) for plane in self.planes]

    @property
    def aspect(self) -> float:
        """Width of the picture over its height."""
        return sum(columns for columns, _ in self.sizes) / max(rows for _, rows in self.sizes)

    def compose(self, volume: np.ndarray) -> np.ndarray:
        """The slices in one picture, the lower ones centred between zeros."""
        height = max(rows for _, rows in self.sizes)
        pictures = []
        for plane in self.planes:
            axis = PLANES.index(plane)
            view = np.take(volume, self.shape[axis] // 2, axis).T[::-1]
            missing = height - len(view)
            pictures.append(np.pad(view, ((missing // 2, missing - missing // 2), (0, 0))))
        return np.concatenate(pictures, axis=1)

    def place(self, plane: str) -> str:
        """Where a slice lies: its plane and the coordinate in MNI152 millimetres."""
        axis = PLANES.index(plane)
        index = np.array([size // 2 for size in self.shape])
        return f"{plane}\n{'xyz'[axis]} = {(self.affine @ [*index, 1])[axis]:g} mm"

    def letters(self, plane: str) -> tuple[str, str]:
        """What is on the left and on the right of a slice as drawn: L and R of the body, or P and A."""
        right = nib.aff2axcodes(self.affine)[1 if plane == "sagittal" else 0]
        return OPPOSITE[right], right

    def draw(
        self, axes: Axes, volume: np.ndarray, window: Window = INTENSITY, *, places: bool = False, bar: bool = False
    ) -> AxesImage:
        """Draw the slices with their letters; with `places` where they lie above them, with `bar` a scale bar."""
        picture = self.compose(volume)
        norm = Normalize(window.low, window.high)
        drawn = axes.imshow(picture, cmap=window.cmap, norm=norm, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color="0.7", linewidth=0.5)
        ends = list(accumulate(columns for columns, _ in self.sizes))
        top = 0.03 * len(picture) - 0.5
        told: dict[str, Any] = {"color": window.ink, "fontsize": LETTER_SIZE, "va": "top"}
        for plane, (columns, _), end in zip(self.planes, self.sizes, ends, strict=True):
            left, right = self.letters(plane)
            inset = 0.03 * columns
            axes.text(end - columns - 0.5 + inset, top, left, ha="left", **told)
            axes.text(end - 0.5 - inset, top, right, ha="right", **told)
            if places:
                axes.text(
                    end - (columns + 1) / 2, -1, self.place(plane), ha="center", va="bottom", fontsize=LETTER_SIZE
                )
        if bar:
            self._draw_bar(axes, len(picture), window.ink)
        return drawn

    def _draw_bar(self, axes: Axes, height: int, ink: str) -> None:
        length = SCALE_BAR_MM / float(np.linalg.norm(self.affine[:3, 0]))
        start, level = 0.03 * height, 0.95 * height - 0.5
        axes.plot([start, start + length], [level, level], color=ink, linewidth=1.5, solid_capstyle="butt")
        text: dict[str, Any] = {"color": ink, "fontsize": LETTER_SIZE, "ha": "left", "va": "bottom"}
        axes.text(start, level - 0.01 * height, f"{SCALE_BAR_MM} mm", **text)


def panel_rows(views: Views, rows: int, columns: int, width_in: float) -> tuple[Figure, np.ndarray]:
    """A figure of `rows` times `columns` panels for slices, `width_in` inches wide, and its axes (rows, columns)."""
    height_in = width_in / columns / views.aspect * rows + 1.2
    layout = ConstrainedLayoutEngine(compress=True, w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(width_in, height_in), layout=layout)
    return figure, figure.subplots(rows, columns, squeeze=False)


def title_columns(axes: np.ndarray, titles: list[str]) -> None:
    """Titles above the first row, whose panels say where their slices lie."""
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title, fontsize=TITLE_SIZE, pad=20)


def color_bars(figure: Figure, axes: np.ndarray, *drawn: tuple[AxesImage, Window]) -> None:
    """Colour bars below the last row, side by side."""
    for (image, window), below in zip(drawn, np.array_split(axes[-1], len(drawn)), strict=True):
        bar = figure.colorbar(image, ax=list(below), location="bottom", aspect=25, shrink=0.85, pad=0.03)
        bar.set_label(window.label, fontsize=LABEL_SIZE)
        bar.ax.tick_params(labelsize=LABEL_SIZE)


def _limit(values: np.ndarray) -> float:
    return max(0.05, 0.05 * float(np.ceil(np.quantile(np.abs(values), 0.999) / 0.05)))
