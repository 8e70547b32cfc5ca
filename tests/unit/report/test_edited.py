"""The pictures of one scan beside what a model made of it."""

import nibabel as nib
import numpy as np
import pytest

from ldae.report.edited import draw_edited, draw_place

SHAPE = (8, 10, 8)


@pytest.fixture
def scan(tmp_path):
    """A scan at .5 everywhere."""
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(np.full(SHAPE, 0.5, np.float32), np.diag([5.0, 5.0, 5.0, 1.0])), path)
    return path


def test_edits_are_held_against_the_reconstruction_and_it_against_the_scan(tmp_path, scan, drawn):
    images = {"rebuilt": np.full(SHAPE, 0.9), "towards AD": np.full(SHAPE, 0.8), "towards CN": np.full(SHAPE, 0.92)}
    draw_edited(tmp_path / "out.png", scan, images, "a scan", base="rebuilt", phantom=True)
    axes = np.array(drawn[0].axes[:8]).reshape(4, 2)
    assert [row[0].get_ylabel() for row in axes] == ["scan", "rebuilt", "towards AD", "towards CN"]
    changes = [row[1].images[0].get_array().max() for row in axes[1:]]
    np.testing.assert_allclose(changes, [0.4, 0.0, 0.02], atol=1e-6)  # zeros around the axial slice
    assert axes[2, 1].images[0].get_array().min() == pytest.approx(-0.1)
    assert [row[1].get_title() for row in axes[1:]] == ["minus scan", "minus rebuilt", "minus rebuilt"]
    assert axes[2, 1].images[0].get_clim() == pytest.approx((-0.1, 0.1)), (
        "the edits' own window, not the larger error's"
    )
    words = (tmp_path / "out.svg").read_text(encoding="utf-8")
    assert "by a model that learnt from a phantom" in words and "fabricated data" not in words


def test_without_a_base_all_are_held_against_the_scan(tmp_path, scan, drawn):
    draw_edited(tmp_path / "out.png", scan, {"one": np.full(SHAPE, 0.7)}, "a scan")
    assert drawn[0].axes[3].images[0].get_array().max() == pytest.approx(0.2)
    assert "phantom" not in (tmp_path / "out.svg").read_text(encoding="utf-8")


def test_a_scan_stands_among_the_training_scans(tmp_path, drawn):
    draw_place(tmp_path / "out.png", np.arange(12.0).reshape(6, 2), np.array([3.0, -1.0]), True)
    training, own = drawn[0].axes[0].lines
    assert len(training.get_xdata()) == 6
    assert (own.get_xdata()[0], own.get_ydata()[0], own.get_color()) == (3.0, -1.0, "tab:red")
