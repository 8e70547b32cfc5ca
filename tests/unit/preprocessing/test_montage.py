import matplotlib.image
import numpy as np
import pytest

from ldae.preprocessing.grid import covering_grid, mni_template
from ldae.preprocessing.montage import draw_montage
from ldae.preprocessing.volume import Volume


def test_brain_and_outline_are_drawn(tmp_path):
    grid = covering_grid(4.0)
    template = mni_template(grid)
    path = tmp_path / "figures" / "montage.png"
    draw_montage(path, grid.volume(template.t1), template.brain, "a title")
    picture = matplotlib.image.imread(path)[..., :3]
    assert picture.shape[1] > 1000
    red, _green, blue = np.moveaxis(picture, -1, 0)
    orange, grey = (red > blue + 0.4).mean(), ((abs(red - blue) < 0.02) & (red > 0.2)).mean()
    assert orange > 0.005 and grey > 0.2


def test_an_empty_brain_is_drawn_too(tmp_path):
    grid = covering_grid(6.0)
    draw_montage(tmp_path / "x.png", grid.volume(), mni_template(grid).brain, "")
    assert (tmp_path / "x.png").stat().st_size > 0


START, SIZE, MARGIN = np.array([6, 9, 4]), 20, 3  # of a box of 20 voxels of 4 mm, 12 mm around it being 3 voxels
BOX = tuple(slice(start, start + SIZE) for start in START)
PLACES = np.linspace(0.15 * (SIZE + 2 * MARGIN), 0.85 * (SIZE + 2 * MARGIN), 8).astype(int)


def tiles(path):
    """Grey of a montage of a cubic box, [row, slice, down, across], and where it is orange."""
    picture = matplotlib.image.imread(path)[..., :3]
    rows = np.array_split(picture[round(0.3 * 90) :], 3)
    height, width = min(len(row) for row in rows), picture.shape[1] // 8
    parts = np.array([[row[:height, n * width : (n + 1) * width] for n in range(8)] for row in rows])
    return parts[..., 0], parts[..., 0] > parts[..., 2] + 0.3


@pytest.fixture
def drawn(tmp_path):
    def draw(data, outline=None):
        box = np.zeros(data.shape, bool)
        box[BOX] = True
        volume = Volume(data.astype(np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
        draw_montage(tmp_path / "x.png", volume, box if outline is None else outline, "")
        return tiles(tmp_path / "x.png")

    return draw


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_are_spread_evenly_over_the_brain(drawn, axis):
    ramp = np.indices((34, 36, 33))[axis] + 1.0
    grey, _ = drawn(ramp)
    across, down = grey.shape[3] // 2, grey.shape[2] // 2
    shown = ramp[tuple(slice(start - MARGIN, start + SIZE + MARGIN) for start in START)]
    expected = (PLACES + START[axis] - MARGIN + 1) / np.percentile(shown, 99)
    np.testing.assert_allclose(grey[axis, :, down, across], np.minimum(expected, 1), atol=0.008)


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["brighter right", "brighter anterior", "brighter superior"])
def test_right_anterior_and_superior_are_right_or_up(drawn, axis):
    """Sagittal: anterior right, superior up; coronal: right right, superior up; axial: right right, anterior up."""
    grey, _ = drawn(np.indices((34, 36, 33))[axis] + 1.0)
    high, wide = grey.shape[2:]
    for row, (horizontal, vertical) in enumerate(((1, 2), (0, 2), (0, 1))):
        tile = grey[row, 3]
        left, right = tile[high // 2, wide // 4], tile[high // 2, 3 * wide // 4]
        top, bottom = tile[high // 4, wide // 2], tile[3 * high // 4, wide // 2]
        assert right - left > 0.15 if horizontal == axis else abs(right - left) < 0.02
        assert top - bottom > 0.15 if vertical == axis else abs(top - bottom) < 0.02


def test_white_is_the_99th_percentile_of_the_brain(drawn):
    """The brain holds 0.6 % of 2000, 0.9 % of 1000 and else 300; around it is nothing."""
    data, values = np.zeros((34, 36, 33)), np.full(SIZE**3, 300.0)
    values[:48], values[48:120] = 2000, 1000
    data[BOX] = np.random.default_rng(5).permutation(values).reshape(SIZE, SIZE, SIZE)
    grey, orange = drawn(data)
    inside = grey[..., 40:-40, 40:-40][~orange[..., 40:-40, 40:-40]]
    assert np.median(inside) == pytest.approx(0.3, abs=0.01)


def test_the_outline_is_on_the_side_of_its_template(drawn):
    """The right half of the outline's box is low: nothing orange is in the upper right of a coronal slice."""
    data, outline = np.full((34, 36, 33), 10.0), np.zeros((34, 36, 33), bool)
    outline[BOX] = True
    outline[START[0] + 10 :, :, START[2] + 8 :] = False
    _, orange = drawn(data, outline)
    middle = orange[1, 3]
    high, wide = middle.shape
    assert middle[: high // 3, : wide // 2 - 8].any() and not middle[: high // 3, wide // 2 + 8 :].any()
    assert middle[high // 2 :, wide // 2 + 8 :].any()
