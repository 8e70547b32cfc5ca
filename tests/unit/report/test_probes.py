import pandas as pd
import pytest
from matplotlib.image import imread

from ldae.report.probes import LABELS, draw_probes


def row(encoder, task, metric, value, scans="all"):
    bounds = {"value": value, "low": value - 0.1, "high": value + 0.1}
    return {
        "encoder": encoder,
        "task": task,
        "scans": scans,
        "metric": metric,
        **bounds,
        "n_subjects": 9,
        "n_scans": 12,
    }


def test_every_encoder_and_task_is_drawn_with_its_interval(tmp_path, drawn):
    table = [
        row("LDAE", "AD vs CN", "roc_auc", 0.8),
        row("training mean", "AD vs CN", "roc_auc", 0.5),
        row("LDAE", "AD vs CN", "accuracy", 0.7),
        row("LDAE", "AD vs CN", "roc_auc", 0.1, "baseline"),
        row("LDAE", "AD vs CN", "roc_auc", 0.2, "one per subject"),
        row("LDAE", "age", "mae", 4.2),
        row("training mean", "age", "mae", 6.0),
        {"task": "AD vs MCI", "note": "not possible"},
    ]
    pd.DataFrame(table).to_csv(tmp_path / "downstream.csv", index=False)
    draw_probes(tmp_path / "downstream.csv", tmp_path / "out.png")
    assert imread(tmp_path / "out.png").std() > 0.05
    auc, mae = drawn[0].axes
    assert [panel.get_title() for panel in (auc, mae)] == [
        "AD vs CN\n9 subjects, 12 scans",
        "age\n9 subjects, 12 scans",
    ]
    assert [panel.get_xlabel() for panel in (auc, mae)] == list(LABELS.values())
    assert list(auc.lines[-1].get_xdata()) == [0.5, 0.5]
    assert [line.get_color() for line in mae.lines] == ["C3", "C3", "C0", "C0"], "LDAE stands out"
    intervals, points = mae.lines[::2], mae.lines[1::2]
    assert [list(line.get_ydata()) for line in intervals] == [["LDAE"] * 2, ["training mean"] * 2]
    assert [list(line.get_xdata()) for line in intervals] == [pytest.approx([4.1, 4.3]), pytest.approx([5.9, 6.1])]
    assert [float(point.get_xdata()[0]) for point in points] == [4.2, 6.0]
    assert len(auc.lines) == 2 * 2 + 1, "two encoders, and chance"
    assert [label.get_text() for label in auc.get_yticklabels()] == ["LDAE", "training mean"]
    assert auc.yaxis_inverted(), "the first encoder stands on top"


def test_a_table_without_a_task_gives_a_figure_that_says_so(tmp_path, monkeypatch):
    noted = []
    monkeypatch.setattr("ldae.report.probes.draw_note", lambda title, words, output, phantom: noted.append(words))
    empty = dict.fromkeys(row("LDAE", "age", "mae", 1.0)) | {"task": "age", "note": "not possible"}
    pd.DataFrame([empty]).to_csv(tmp_path / "downstream.csv", index=False)
    draw_probes(tmp_path / "downstream.csv", tmp_path / "out.png")
    assert noted == ["no task has both diagnoses or ages: see the column note"]
