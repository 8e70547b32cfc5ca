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


@pytest.mark.parametrize("shape", [(5, 7, 9), (4, 7, 8)])
def test_slices_are_the_middle_ones_with_anterior_or_superior_up(shape):
    """Each voxel holds its own number."""
    volume = 1.0 + np.arange(np.prod(shape)).reshape(shape)
    sagittal, coronal, axial = volume[shape[0] // 2], volume[:, shape[1] // 2], volume[:, :, shape[2] // 2]
    picture = central_slices(volume)
    assert picture.shape == (shape[2], shape[1] + 2 * shape[0])
    np.testing.assert_array_equal(picture[:, : shape[1]], sagittal.T[::-1])
    np.testing.assert_array_equal(picture[:, shape[1] : shape[1] + shape[0]], coronal.T[::-1])
    last = picture[:, shape[1] + shape[0] :]
    np.testing.assert_array_equal(last[last.any(1)], axial.T[::-1])


def test_reconstructions_are_drawn_with_differences(tmp_path, drawn):
    """The labels come by subject and session; each way of rebuilding has its own column, named for what it is."""
    scan = 0.3 + 0.4 * np.random.default_rng(0).random((2, 8, 10, 8)).astype(np.float32)
    people = pd.DataFrame(
        {"subject": ["b", "a", "a"], "session": ["M000", "M012", "M000"], "path": "", "split": "test"}
    )
    labelled = people.assign(diagnosis=["MCI", "AD", "CN"], sex="F", age=70.0, months=0)
    labelled.to_csv(tmp_path / "dataset.csv", index=False)
    volumes = {"scan": scan, "autoencoder": scan + 0.05, "ldae": scan - 0.1, "y_sem_only": scan + 0.2}
    names = {"subject": np.array(["a", "b"]), "session": np.array(["M012", "M000"])}
    np.savez(tmp_path / "examples.npz", **volumes, **names)
    draw_reconstructions(tmp_path / "examples.npz", tmp_path / "dataset.csv", tmp_path / "out.png")
    assert imread(tmp_path / "out.png").std() > 0.1
    axes = np.array(drawn[0].axes).reshape(4, 4)
    titles = ["scan", "AutoencoderKL", "LDAE, encoded z_T", "LDAE, y_sem only"]
    assert [panel.get_title() for panel in axes[0]] == titles
    assert [row[0].get_ylabel() for row in axes[::2]] == ["a\nM012 AD", "b\nM000 MCI"]
    for i in range(2):
        for column, offset in enumerate((0, 0.05, -0.1, 0.2)):
            above = axes[2 * i, column].images[0]
            np.testing.assert_allclose(above.get_array(), central_slices(scan[i] + offset), atol=1e-6)
            assert above.get_clim() == (0, 1)
            if column:
                below = axes[2 * i + 1, column].images[0]
                np.testing.assert_allclose(below.get_array()[1:9, :10], offset, atol=1e-6)
                assert below.get_clim() == (-0.25, 0.25)


def test_curves_show_every_quantity_of_every_stage(tmp_path, drawn):
    pd.DataFrame(
        {
            "step": [1, 2],
            "train_loss": [2.0, 1.0],
            "val_loss": [2.0, 1.5],
            "val_ssim": [0.1, 0.2],
            "val_loss_none": [2.0, 3.0],
        }
    ).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"step": [1, 2], "train_loss": [2.0, None], "note": ["x", "y"]}).to_csv(
        tmp_path / "b.csv", index=False
    )
    draw_training_curves({"autoencoder": tmp_path / "a.csv", "ldm": tmp_path / "b.csv"}, tmp_path / "out.png")
    titles = {panel.get_title(): len(panel.lines) for panel in drawn[0].axes if panel.get_title()}
    assert titles == {"autoencoder: loss": 3, "autoencoder: ssim": 1, "ldm: loss": 1}
    panel, _, other = (panel for panel in drawn[0].axes if panel.get_title())
    assert list(other.lines[0].get_ydata()) == [2.0], "a step without a value is left out"
    lines = {line.get_label(): (line.get_linestyle(), list(line.get_ydata())) for line in panel.lines}
    assert lines == {"train": ("--", [2.0, 1.0]), "val": ("-", [2.0, 1.5]), "val, none": ("-", [2.0, 3.0])}


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
