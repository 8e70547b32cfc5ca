"""Figures of the volumes that measure_examples wrote: what is drawn where, on which scale, and what is missing."""

import numpy as np
import pytest

from ldae.preprocessing.grid import Grid
from ldae.report.attention import draw_slice_attention
from ldae.report.edits import draw_manipulation, draw_variation
from ldae.report.interpolation import draw_interpolation
from ldae.report.reconstructions import draw_reconstruction_steps

GRID = Grid((8, 10, 8), 5.0, (0.0, -17.0, 5.0))


@pytest.fixture
def volumes(tmp_path):
    """Write the arrays of one figure; volumes are constant in space."""

    def write(part, **arrays):
        path = tmp_path / "volumes.npz"
        named = {f"{part}|{name}": np.asarray(array) for name, array in arrays.items()}
        np.savez(path, affine=GRID.affine, **named)
        return path

    return write


def full(*values):
    """Volumes of these values."""
    return np.multiply.outer(np.array(values, np.float32), np.ones(GRID.shape, np.float32))


def inside(panel):
    """The value in the middle of a panel's first slice."""
    (image,) = panel.images
    return float(image.get_array()[5, 4])


def test_an_edit_is_drawn_with_what_it_adds(volumes, drawn, tmp_path):
    edited = np.stack([full(0.3, 0.4, 0.6), full(0.5, 0.6, 0.9)])
    path = volumes("manipulation", scan=full(0.41, 0.61), edited=edited, strength=[-2, 0, 2], name=["a\nCN", "b\nAD"])
    draw_manipulation(path, tmp_path / "out.png")
    axes = np.array(drawn[0].axes[:16]).reshape(4, 4)
    assert [panel.get_title() for panel in axes[0]] == ["scan", "-2 log-odds of AD", "rebuilt", "+2 log-odds of AD"]
    assert [inside(panel) for panel in axes[2]] == pytest.approx([0.61, 0.5, 0.6, 0.9])
    assert [inside(panel) for panel in axes[3, [1, 3]]] == pytest.approx([-0.1, 0.3])
    assert not axes[3, 2].images, "the reconstruction does not differ from itself"
    assert [row[0].get_ylabel() for row in axes[::2]] == ["a\nCN", "b\nAD"]
    limits = {panel.images[0].get_clim() for panel in axes[1::2].flat if panel.images}
    assert len(limits) == 1 and limits.pop()[1] == pytest.approx(0.3)
    assert {panel.images[0].get_clim() for panel in axes[::2].flat} == {(0, 1)}


def test_variants_stand_beside_their_mean_and_spread(volumes, drawn, tmp_path):
    content = {"scan": full(0.2), "variant": full(0.3, 0.4, 0.5)[None], "mean": full(0.45), "spread": full(0.12)}
    draw_variation(volumes("variation", **content, count=8, name=["a"]), tmp_path / "out.png")
    row = drawn[0].axes[:6]
    assert [inside(panel) for panel in row] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.45, 0.12])
    assert row[5].get_title() == "spread" and row[5].images[0].get_clim() == (0, pytest.approx(0.15))
    assert {panel.images[0].get_clim() for panel in row[:5]} == {(0, 1)}
    assert "standard deviation over 8 noises" in [bar.get_xlabel() for bar in drawn[0].axes[6:]]


def test_a_predicted_visit_stands_below_the_true_one_with_its_error(volumes, drawn, tmp_path):
    values = {"first": 0.2, "true": 0.3, "last": 0.4, "ldae": 0.31, "blend": 0.27, "copy": 0.2}
    content = {name: full(value)[0] for name, value in values.items()}
    scores = {"months": [0, 12, 24], "ssim": [0.9, 0.8, 0.7], "mse": [0.1, 0.2, 0.3], "name": "S1"}
    draw_interpolation(volumes("interpolation", **content, **scores), tmp_path / "out.png")
    axes = np.array(drawn[0].axes[:9]).reshape(3, 3)
    assert [inside(panel) for panel in axes[0]] == pytest.approx([0.2, 0.3, 0.4])
    assert [inside(panel) for panel in axes[1]] == pytest.approx([0.31, 0.27, 0.2])
    assert [inside(panel) for panel in axes[2]] == pytest.approx([0.01, -0.03, -0.1])
    assert axes[0, 1].get_title() == "true visit, after 12 months" and axes[1, 2].get_title() == "copy of the nearer"
    assert axes[2, 1].get_xlabel() == "SSIM 0.800, MSE 0.20000"


def test_reconstructions_are_drawn_at_each_number_of_steps(volumes, drawn, tmp_path):
    rebuilt = np.stack([full(0.21, 0.22), full(0.25, 0.3)])
    told = {"steps": [10, 20], "ssim": [[0.9, 0.95], [0.5, 0.6]], "rank": ["best", "worst"], "name": ["a", "b"]}
    path = volumes("reconstruction", scan=full(0.2, 0.2), rebuilt=rebuilt, **told)
    draw_reconstruction_steps(path, tmp_path / "out.png")
    axes = np.array(drawn[0].axes[:12]).reshape(4, 3)
    assert [panel.get_title() for panel in axes[0]] == ["scan", "T = 10", "T = 20"]
    assert [row[0].get_ylabel() for row in axes[::2]] == ["best\na", "worst\nb"]
    assert [inside(panel) for panel in axes[3, 1:]] == pytest.approx([0.05, 0.1])
    assert axes[3, 2].get_xlabel() == "SSIM 0.600"


def test_attention_runs_upwards_in_millimetres(volumes, drawn, tmp_path):
    query = np.full((4, 8), 0.05)
    query[:, 6] = [0.65, 0.65, 0.55, 0.75]  # near the top
    content = {"query": query, "pooling": query[:, ::-1], "diagnosis": ["CN", "CN", "AD", "AD"], "scan": full(0.3)[0]}
    draw_slice_attention(volumes("attention", **content), tmp_path / "out.png")
    picture, soft, pooled = drawn[0].axes
    lines = {line.get_label(): line for line in soft.lines}
    height = GRID.affine[2, 3] + 6 * 5.0
    for name in ("CN, 2 test subjects", "AD, 2 test subjects"):
        weights, z = lines[name].get_data()
        assert z[np.argmax(weights)] == height and weights.max() == pytest.approx(0.65)
    assert set(lines["all slices alike"].get_xdata()) == {1 / 8}
    assert pooled.lines[0].get_ydata()[np.argmax(pooled.lines[0].get_xdata())] == height - 5 * 5.0
    assert picture.images and soft.get_ylim() == (GRID.affine[2, 3] - 2.5, GRID.affine[2, 3] + 37.5)


@pytest.mark.parametrize(
    "part, draw",
    [
        ("manipulation", draw_manipulation),
        ("variation", draw_variation),
        ("interpolation", draw_interpolation),
        ("reconstruction", draw_reconstruction_steps),
    ],
)
def test_what_is_missing_is_said(volumes, tmp_path, part, draw):
    draw(volumes(part, note="no test subject has three visits"), tmp_path / "out.png", phantom=True)
    words = (tmp_path / "out.svg").read_text(encoding="utf-8")
    assert "no test subject has three visits" in words and "phantom" in words
