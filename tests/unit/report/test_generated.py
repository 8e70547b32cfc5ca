import numpy as np
import pytest
from matplotlib.image import imread

from ldae.report.figures import central_slices
from ldae.report.generated import draw_generated


@pytest.mark.parametrize("test_scans", [3, 1])
def test_samples_stand_beside_their_nearest_scans(tmp_path, drawn, test_scans):
    sample = np.random.default_rng(0).random((3, 8, 10, 8)).astype(np.float32)
    volumes = {"sample": sample, "nearest": sample - 0.1, "test": 1 - sample[:test_scans]}
    np.savez(tmp_path / "generated.npz", **volumes, nearest_mse=np.array([0.01, 0.02, 0.03]))
    draw_generated(tmp_path / "generated.npz", tmp_path / "out.png")
    assert imread(tmp_path / "out.png").std() > 0.1
    axes = np.array(drawn[0].axes).reshape(3, 4)
    titles = ["sample from noise", "its nearest training scan", "sample - nearest", "a test scan"]
    assert [panel.get_title() for panel in axes[0]] == titles
    for column, wanted in enumerate((sample[0], sample[0] - 0.1, np.full((8, 10, 8), 0.1), 1 - sample[0])):
        image = axes[0, column].images[0]
        np.testing.assert_allclose(image.get_array()[1:9], central_slices(wanted)[1:9], atol=1e-6)
        assert image.get_clim() == ((-0.25, 0.25) if column == 2 else (0, 1))
    assert [panel.get_xlabel() for panel in axes[:, 1]] == ["MSE 0.0100", "MSE 0.0200", "MSE 0.0300"]
    assert [bool(panel.images) for panel in axes[:, 3]] == [i < test_scans for i in range(3)]
