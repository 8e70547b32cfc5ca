import numpy as np
import pandas as pd
import pytest

from ldae.preprocessing.grid import Grid
from ldae.report.reconstructions import draw_reconstructions

AFFINE = Grid((8, 10, 8), 5.0, (0.0, -17.0, 5.0)).affine


def test_reconstructions_are_drawn_with_differences(tmp_path, drawn):
    scan = np.random.default_rng(0).random((2, 8, 10, 8)).astype(np.float32)
    names = {name: np.array(["a", "b"]) for name in ("subject", "session")}
    people = pd.DataFrame({"subject": ["b", "a"], "session": ["b", "a"], "path": "", "split": "test"})
    people.assign(diagnosis=["MCI", "AD"], sex="F", age=70.0, months=0).to_csv(tmp_path / "dataset.csv", index=False)
    volumes = {"scan": scan, "autoencoder": scan, "ldae": scan - 0.3, "y_sem_only": scan + 0.1}
    np.savez(tmp_path / "examples.npz", **volumes, affine=AFFINE, **names)
    draw_reconstructions(tmp_path / "examples.npz", tmp_path / "dataset.csv", tmp_path / "out.png")
    axes = np.array(drawn[0].axes[:16]).reshape(4, 4)
    assert [panel.get_title() for panel in axes[0]][:2] == ["scan", "AutoencoderKL"]
    assert [row[0].get_ylabel() for row in axes[::2]] == ["a\na AD", "b\nb MCI"]
    middle = [panel.images[0].get_array()[5, 4] for panel in axes[1, 1:]]
    assert middle == pytest.approx([0, -0.3, 0.1], abs=1e-6)
    (limits,) = {panel.images[0].get_clim() for panel in axes[1::2, 1:].flat}
    assert limits == pytest.approx((-0.3, 0.3))
    assert "sagittal\nx = 2.5 mm" in [text.get_text() for text in axes[0, 0].texts]
