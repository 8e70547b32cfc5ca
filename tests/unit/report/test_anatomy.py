import numpy as np
import pytest
from matplotlib.figure import Figure

from ldae.preprocessing.grid import Grid
from ldae.report.anatomy import (
    INTENSITY,
    PLANES,
    TWO_PLANES,
    Views,
    color_bars,
    difference_window,
    panel_rows,
    spread_window,
)

GRID = Grid((10, 14, 8), 4.0, (0.0, -17.0, 5.0))


@pytest.fixture
def views():
    return Views(GRID.affine, GRID.shape)


def drawn_texts(views, **options):
    axes = Figure().subplots()
    views.draw(axes, np.zeros(GRID.shape), **options)
    return axes, {text.get_text(): text for text in axes.texts}


def test_the_right_of_the_body_is_drawn_on_the_right_and_superior_or_anterior_up(views):
    volume = np.zeros(GRID.shape)
    volume[-1], volume[0] = 0.5, 0.25  # its right and left edge
    volume[:, :, -1] = 1  # its top
    sagittal, coronal, axial = np.split(views.compose(volume), [14, 24], axis=1)
    assert (coronal[3] == 1).all() and (coronal[4:-3, -1] == 0.5).all() and (coronal[4:-3, 0] == 0.25).all()
    assert axial.shape == (14, 10) and (axial[:, -1] == 0.5).all() and (axial[:, 0] == 0.25).all()
    assert (sagittal[3] == 1).all() and (sagittal[4:] == 0).all()
    front = np.zeros(GRID.shape)
    front[:, -1] = 1
    sagittal, _, axial = np.split(views.compose(front), [14, 24], axis=1)
    assert (axial[0] == 1).all() and (axial[1:] == 0).all() and (sagittal[3:-3, -1] == 1).all()


@pytest.mark.parametrize(
    "flipped, sides", [((), ("L", "R")), ((0,), ("R", "L")), ((1,), ("L", "R"))], ids=["RAS", "LAS", "RPS"]
)
def test_letters_follow_the_axes(flipped, sides):
    affine = GRID.affine.copy()
    affine[list(flipped), list(flipped)] *= -1
    views = Views(affine, GRID.shape)
    assert views.letters("coronal") == views.letters("axial") == sides
    assert views.letters("sagittal") == (("A", "P") if flipped == (1,) else ("P", "A"))


def test_r_stands_on_the_right_of_its_slice():
    views = Views(GRID.affine, GRID.shape, ("coronal",))
    _, texts = drawn_texts(views)
    left, right = texts["L"].get_position()[0], texts["R"].get_position()[0]
    assert -0.5 < left < 1 and 8 < right < 9.5
    assert texts["R"].get_horizontalalignment() == "right"


def test_a_slice_says_plane_and_mni_millimetres(views):
    _, texts = drawn_texts(views, places=True)
    # the voxel of index 5, 7, 4 of a grid whose middle lies half a voxel before it
    assert {"sagittal\nx = 2 mm", "coronal\ny = -15 mm", "axial\nz = 7 mm"} <= set(texts)
    assert not [text for text in drawn_texts(views)[1] if "mm" in text]


@pytest.mark.parametrize("spacing", [1.5, 4.0])
def test_the_scale_bar_is_as_long_as_it_says(spacing):
    grid = Grid(GRID.shape, spacing, GRID.center_mm)
    axes, texts = drawn_texts(Views(grid.affine, grid.shape), bar=True)
    (line,) = axes.lines
    assert np.ptp(line.get_xdata()) * spacing == pytest.approx(50) and "50 mm" in texts
    assert not drawn_texts(Views(grid.affine, grid.shape))[0].lines


def test_windows_hold_all_panels_and_differences_lie_about_zero():
    window = difference_window(np.array([-0.12, 0.02]), "b - a")
    assert (window.low, window.high) == (pytest.approx(-0.15), pytest.approx(0.15))
    assert (difference_window(np.zeros(3), "").high, spread_window(np.array([0.06] * 9), "").high) == (0.05, 0.1)
    assert spread_window(np.zeros(3), "").low == 0


def test_every_window_has_a_colour_bar_with_its_meaning():
    views = Views(GRID.affine, GRID.shape, TWO_PLANES)
    figure, axes = panel_rows(views, 1, 2, 6)
    window = difference_window(np.array([0.2]), "b - a")
    drawn = [
        (views.draw(panel, np.zeros(GRID.shape), w), w) for panel, w in zip(axes[0], (INTENSITY, window), strict=True)
    ]
    assert [image.get_clim() for image, _ in drawn] == [(0, 1), (-0.2, 0.2)]
    color_bars(figure, axes, *drawn)
    assert [bar.get_xlabel() for bar in figure.axes[2:]] == ["intensity, 0 to 1", "b - a"]
    assert views.aspect == 20 / 14 and views.compose(np.zeros(GRID.shape)).shape == (14, 20)
    assert PLANES.index("axial") == 2
