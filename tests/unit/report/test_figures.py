import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from ldae.errors import UserError
from ldae.report.figures import central_slices, draw_reconstructions, draw_training_curves


def test_slices_show_the_centre_with_superior_up():
    volume = np.zeros((4, 6, 8))
    volume[:, :, 7] = 1  # the topmost plane
    picture = central_slices(volume)
    assert picture.shape == (8, 6 + 4 + 4)
    assert (picture[0, :10] == 1).all() and (picture[1:] == 0).all()


def test_reconstructions_are_drawn_with_differences(tmp_path, drawn):
    scan = np.random.default_rng(0).random((2, 8, 10, 8)).astype(np.float32)
    names = {name: np.array(["a", "b"]) for name in ("subject", "session", "diagnosis")}
    volumes = {"scan": scan, "autoencoder": scan, "ldae": scan, "y_sem_only": scan + 0.1}
    np.savez(tmp_path / "examples.npz", **volumes, **names)
    draw_reconstructions(tmp_path / "examples.npz", tmp_path / "out.png")
    assert imread(tmp_path / "out.png").std() > 0.1
    axes = np.array(drawn[0].axes).reshape(4, 4)
    assert [panel.get_title() for panel in axes[0]][0] == "scan"
    inside = axes[1, 3].images[0].get_array()[1:9, :10]
    np.testing.assert_allclose(inside, 0.1, atol=1e-6)
    np.testing.assert_allclose(axes[1, 1].images[0].get_array(), 0)


def test_curves_show_every_quantity_of_every_stage(tmp_path, drawn):
    pd.DataFrame(
        {
            "step": [1, 2],
            "train_loss": [2.0, 1.0],
            "val_loss": [2.0, 1.5],
            "val_ssim": [0.1, 0.2],
            "val_loss_none": [2.0, 2.0],
        }
    ).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"step": [1, 2], "train_loss": [2.0, None], "note": ["x", "y"]}).to_csv(
        tmp_path / "b.csv", index=False
    )
    draw_training_curves({"autoencoder": tmp_path / "a.csv", "ldm": tmp_path / "b.csv"}, tmp_path / "out.png")
    titles = {panel.get_title(): len(panel.lines) for panel in drawn[0].axes if panel.get_title()}
    assert titles == {"autoencoder: loss": 3, "autoencoder: ssim": 1, "ldm: loss": 1}


def test_many_curves_wrap_into_rows_of_four(tmp_path, drawn):
    columns = {f"val_{name}": [2.0, 1.0] for name in "abcde"}
    pd.DataFrame({"step": [1, 2], **columns}).to_csv(tmp_path / "a.csv", index=False)
    draw_training_curves({"ldm": tmp_path / "a.csv"}, tmp_path / "out.png")
    panels = drawn[0].axes
    assert panels[0].get_gridspec().get_geometry() == (2, 4)
    assert [panel.get_title() for panel in panels if panel.lines] == [f"ldm: {name}" for name in "abcde"]
    assert not any(panel.axison for panel in panels if not panel.lines)


def test_a_history_without_curves_is_refused(tmp_path):
    pd.DataFrame({"step": [1], "loss": [1.0]}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(UserError, match="train_"):
        draw_training_curves({"ldm": tmp_path / "a.csv"}, tmp_path / "out.png")


def test_drawing_touches_no_global_state():
    """A figure is an object: pyplot would want a display, or a backend chosen by whoever imports first."""
    code = "import sys; import ldae.report.generated, ldae.report.probes, ldae.report.qc_montage"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'matplotlib.pyplot' not in sys.modules"], check=True)
