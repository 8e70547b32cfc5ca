import subprocess
import sys

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from ldae.errors import UserError
from ldae.report.figures import draw_training_curves, save_figure


def test_a_figure_is_saved_as_pixels_and_as_vectors_with_its_words(tmp_path):
    figure = Figure()
    figure.subplots().set_title("one title")
    save_figure(figure, tmp_path / "out.png")
    assert imread(tmp_path / "out.png").std() > 0.01
    words = (tmp_path / "out.svg").read_text(encoding="utf-8")
    assert "one title" in words and "phantom" not in words


def test_a_figure_of_the_phantom_says_so_below_all_else(tmp_path):
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot([1, 2], label="a line")
    figure.legend(loc="outside lower right")
    save_figure(figure, tmp_path / "out.png", phantom=True)
    assert "phantom: fabricated data" in (tmp_path / "out.svg").read_text(encoding="utf-8")
    (stamp,) = [text for text in figure.texts if "phantom" in text.get_text()]
    assert stamp.get_window_extent().y1 < figure.legends[0].get_window_extent().y0


def test_the_same_figure_is_the_same_file(tmp_path):
    for folder in "ab":
        figure = Figure()
        figure.subplots().plot([1, 2])
        save_figure(figure, tmp_path / folder / "out.png")
    for name in ("out.png", "out.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


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
    modules = ("attention", "edits", "embedding_map", "generated", "predictions", "probes", "qc_montage")
    code = "import sys, " + ", ".join(f"ldae.report.{module}" for module in (*modules, "reconstructions"))
    subprocess.run([sys.executable, "-c", f"{code}; assert 'matplotlib.pyplot' not in sys.modules"], check=True)
