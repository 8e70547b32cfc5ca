import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ldae.report.embedding_map import draw_embedding_map, frequent, place_scans
from ldae.report.interpolation import SYSTEMS, draw_interpolation_gap
from ldae.report.predictions import calibration_bins, draw_age, draw_diagnosis


@pytest.fixture
def predictions(tmp_path):
    """Test scans among training scans whose predictions are perfect, and an MCI scan that the probe is not about."""
    test = {"split": "test", "diagnosis": ["CN", "AD", "CN", "AD", "MCI"], "p_AD": [0.1, 0.9, 0.7, 0.4, 0.99]}
    train = {"split": "train", "diagnosis": ["CN", "AD"] * 3, "p_AD": [0.0, 1.0] * 3}
    table = pd.concat([pd.DataFrame(test), pd.DataFrame(train)], ignore_index=True)
    table["subject"], table["session"] = [f"S{i}" for i in range(len(table))], "M000"
    table["age"], table["p_AD_calibrated"] = 70.0 + np.arange(len(table)), np.nan
    table["predicted_age"] = table["age"] + 2.0 * (table["split"] == "test")
    table = table.assign(age_gap=0.0, probes="AD vs CN")

    def write(**changed):
        table.assign(**changed).to_csv(tmp_path / "predictions.csv", index=False)
        return tmp_path / "predictions.csv"

    return write


def svg(path):
    return path.with_suffix(".svg").read_text(encoding="utf-8")


def test_the_roc_is_of_the_test_scans_of_the_two_diagnoses(predictions, drawn, tmp_path):
    draw_diagnosis(predictions(), tmp_path / "out.png")
    roc, calibration = drawn[0].axes
    area = roc_auc_score([0, 1, 0, 1], [0.1, 0.9, 0.7, 0.4])
    assert roc.lines[0].get_label() == f"LDAE, area {area:.2f}" == "LDAE, area 0.75"
    assert "4 test subjects (2 AD, 2 CN scans)" in svg(tmp_path / "out.png")
    assert [line.get_label() for line in calibration.lines] == ["as the probe gives it", "perfect"]


def test_calibrated_probabilities_are_drawn_where_there_are_some(predictions, drawn, tmp_path):
    draw_diagnosis(predictions(p_AD_calibrated=0.5), tmp_path / "out.png")
    assert "calibrated on validation subjects" in [line.get_label() for line in drawn[0].axes[1].lines]


def test_a_bin_shows_the_share_of_positives_above_its_mean_probability():
    probability = np.repeat([0.1, 0.3, 0.5, 0.7, 0.9], 4)
    positive = np.array([0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1], dtype=bool)
    predicted, share = calibration_bins(probability, positive)
    assert predicted == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9])
    assert share == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_predicted_ages_stand_against_true_ones(predictions, drawn, tmp_path):
    draw_age(predictions(), tmp_path / "out.png")
    (axes,) = drawn[0].axes
    assert axes.get_title() == "5 test subjects, 5 scans\nmean absolute error 2.0 years"
    points = {line.get_label(): line.get_data() for line in axes.lines}
    assert list(points["MCI"][0]) == [74] and list(points["MCI"][1]) == [76]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("age, years", "predicted age, years")


@pytest.mark.parametrize("draw, missing", [(draw_diagnosis, "p_AD"), (draw_age, "predicted_age")])
def test_missing_predictions_are_said(predictions, tmp_path, draw, missing):
    draw(predictions(**{missing: np.nan}), tmp_path / "out.png")
    assert "there " in svg(tmp_path / "out.png") and "predict" in svg(tmp_path / "out.png")


@pytest.fixture
def codes(tmp_path):
    """y_sem of training scans that differ in the first entry most, and of test scans far away in the third."""
    rng = np.random.default_rng(3)
    y_sem = rng.normal(size=(40, 3)) * [5.0, 2.0, 0.1]
    split = np.array(["train", "validation", "test", "train"] * 10)
    y_sem[split == "test", 2] += 1000
    people = {"subject": [f"S{i:02d}" for i in range(40)], "session": "M000", "split": split}
    table = pd.DataFrame(people | {f"y_sem_{i}": y_sem[:, i] for i in range(3)})
    table.to_csv(tmp_path / "codes.csv", index=False)
    facts = {
        "diagnosis": ["CN", "AD"] * 20,
        "age": 70.0 + np.arange(40),
        "field_strength_t": [1.5, 3.0, np.nan, 3.0] * 10,
    }
    sites = [f"{i % 12:03d}" for i in range(40)]
    pd.DataFrame(people | facts | {"site": sites}).iloc[::-1].to_csv(tmp_path / "dataset.csv", index=False)
    return tmp_path


def test_the_components_are_those_of_the_training_scans(codes):
    place, explained = place_scans(pd.read_csv(codes / "codes.csv"), "codes.csv")
    test = pd.read_csv(codes / "codes.csv")["split"] == "test"
    assert np.abs(place[test]).max() < 100, "what only test scans differ in has no say"
    assert explained.sum() > 0.99 and np.ptp(place[:, 0]) > np.ptp(place[:, 1])


def test_the_map_is_coloured_by_person_and_scanner(codes, drawn):
    draw_embedding_map(codes / "codes.csv", codes / "dataset.csv", codes / "out.png", phantom=True)
    panels = {panel.get_title(): panel for panel in drawn[0].axes if panel.get_title()}
    assert list(panels) == ["diagnosis", "age", "field strength", "site"]
    legends = {
        title: [text.get_text() for text in panel.get_legend().get_texts()]
        for title, panel in panels.items()
        if panel.get_legend()
    }
    assert legends["diagnosis"] == ["CN (20)", "AD (20)"]
    assert legends["field strength"] == ["unknown (10)", "1.5 T (10)", "3 T (20)"]
    assert len(legends["site"]) == 10 and legends["site"][-1].startswith("others")
    assert "phantom" in svg(codes / "out.png")


def test_frequent_values_keep_their_names():
    site = pd.Series([f"{i:03d}" for i in range(12)] + ["011"] * 2 + [np.nan])
    named = frequent(site)
    assert named[11] == "011" and named[0] == "000" and named[9] == "others" and pd.isna(named.iloc[-1])


def test_field_strengths_beyond_the_colours_are_others_and_not_unknown(codes, drawn):
    """Headers say 1.494, 1.4938, 2.8936 and more for what people call 1.5 T and 3 T."""
    table = pd.read_csv(codes / "dataset.csv", dtype={"site": str})
    table["field_strength_t"] = 1.4 + 0.01 * np.arange(len(table))
    table.to_csv(codes / "dataset.csv", index=False)
    draw_embedding_map(codes / "codes.csv", codes / "dataset.csv", codes / "out.png")
    panel = next(panel for panel in drawn[0].axes if panel.get_title() == "field strength")
    names = [text.get_text() for text in panel.get_legend().get_texts()]
    assert len(names) == 10 and names[-1] == f"others ({len(table) - 9})"


@pytest.mark.parametrize("site", ["_7", "$x$", "_"])
def test_a_site_of_any_name_is_in_the_legend(codes, drawn, site):
    table = pd.read_csv(codes / "dataset.csv").assign(site=site)
    table.to_csv(codes / "dataset.csv", index=False)
    draw_embedding_map(codes / "codes.csv", codes / "dataset.csv", codes / "out.png")
    panel = next(panel for panel in drawn[0].axes if panel.get_title() == "site")
    assert [text.get_text() for text in panel.get_legend().get_texts()] == [f"{site} ({len(table)})"]


def test_errors_are_drawn_by_gap_and_system(tmp_path, drawn):
    rows = [
        {"gap_definition": gap, "gap_months": months, "system": system, "target": target, "metric": metric}
        | {"value": 0.9 if target == "scan" else 0.5, "low": 0.8, "high": 1.0, "n_subjects": 3, "note": ""}
        for gap in ("between the given scans", "nearer given scan to the target", "all")
        for months in (12, 6)
        for system in SYSTEMS
        for target in ("scan", "AutoencoderKL reconstruction")
        for metric in ("ssim", "mse")
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
    draw_interpolation_gap(tmp_path / "table.csv", tmp_path / "out.png")
    axes = np.array(drawn[0].axes).reshape(2, 2)
    assert all([line.get_label() for line in panel.lines] == list(SYSTEMS) for panel in axes.flat)
    assert {value for panel in axes.flat for line in panel.lines for value in line.get_ydata()} == {0.9}
    assert "higher is better" in axes[0, 0].get_ylabel() and "lower is better" in axes[1, 0].get_ylabel()
    assert [label.get_text() for label in axes[1, 1].get_xticklabels()] == ["6\n(3)", "12\n(3)"]


def test_a_table_without_a_triple_says_why(tmp_path):
    row = {"gap_definition": "between the given scans", "gap_months": 6, "system": "LDAE", "target": "scan"}
    row |= {"metric": "ssim", "value": np.nan, "low": np.nan, "high": np.nan, "n_subjects": 0}
    pd.DataFrame([row | {"note": "no test subject has three scans"}]).to_csv(tmp_path / "table.csv", index=False)
    draw_interpolation_gap(tmp_path / "table.csv", tmp_path / "out.png")
    assert "no test subject has three scans" in svg(tmp_path / "out.png")
