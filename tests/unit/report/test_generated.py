import numpy as np
import pytest
from matplotlib.image import imread

from ldae.preprocessing.grid import Grid
from ldae.report.generated import TITLES, draw_generated

AFFINE = Grid((8, 10, 8), 5.0, (0.0, -17.0, 5.0)).affine


@pytest.mark.parametrize("test_scans", [3, 1])
def test_samples_stand_beside_their_nearest_scans(tmp_path, drawn, test_scans):
    sample = np.random.default_rng(0).random((3, 8, 10, 8)).astype(np.float32)
    volumes = {"sample": sample, "nearest": sample - 0.1, "test": sample[:test_scans]}
    np.savez(tmp_path / "generated.npz", **volumes, affine=AFFINE, nearest_mse=np.array([0.01, 0.02, 0.03]))
    draw_generated(tmp_path / "generated.npz", tmp_path / "out.png")
    assert imread(tmp_path / "out.png").std() > 0.1
    axes = np.array(drawn[0].axes[:12]).reshape(3, 4)
    assert [panel.get_title() for panel in axes[0]] == list(TITLES.values())
    np.testing.assert_allclose(axes[1, 2].images[0].get_array()[1:9, :10], 0.1, atol=1e-6)
    assert [panel.get_xlabel() for panel in axes[:, 1]] == ["MSE 0.0100", "MSE 0.0200", "MSE 0.0300"]
    assert [bool(panel.images) for panel in axes[:, 3]] == [i < test_scans for i in range(3)]
