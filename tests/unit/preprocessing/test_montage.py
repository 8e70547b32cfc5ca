import matplotlib.image
import numpy as np

from ldae.preprocessing.grid import covering_grid, mni_template
from ldae.preprocessing.montage import draw_montage


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
