"""`ldae predict`: scans of any kind to numbers, pages and a derivative."""

from __future__ import annotations

import re

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import ldae as package
from ldae.cli.main import app
from ldae.files import read_json
from ldae.preprocessing.grid import model_grid
from ldae.use.predict import ANSWER_COLUMNS
from tests.adni_download import write_series
from tests.unit.cli.tiny_model import write_model, write_scan
from tests.unit.preprocessing.conftest import make_head

STEM = "sub-good_ses-M000"
ANAT = "sub-good/ses-M000/anat"


@pytest.fixture
def predictions(tmp_path):
    def read():
        text = dict.fromkeys(("subject", "session"), str)
        return pd.read_csv(tmp_path / "out" / "predictions.csv", dtype=text).set_index("subject")

    return read


def test_a_preprocessed_scan_gives_what_the_model_says(ldae, good, models, config, predictions, tmp_path):
    said = ldae("predict", good)
    assert "1 of 1 scans passed" in said and "Research use only" in said and "P(AD)" in said
    table = predictions().reset_index()
    assert set(table.columns) == set(ANSWER_COLUMNS)
    row, model = table.iloc[0], package.load(models, "cpu")
    expected = model.predict([good]).iloc[0]
    assert row["p_AD"] == pytest.approx(expected["p_AD"]) and 0 < row["p_AD"] < 1
    assert row["p_AD_calibrated"] == pytest.approx(expected["p_AD_calibrated"])
    assert row["predicted_age"] == pytest.approx(expected["predicted_age"])
    familiar = model.familiarity([good])
    assert row["y_sem_distance"] == pytest.approx(familiar.values["y_sem_distance"][0], rel=1e-5)
    assert bool(row["unfamiliar"]) == bool(familiar.unfamiliar[0])
    rebuilt = nib.load(tmp_path / "out" / ANAT / f"{STEM}_space-MNI152_desc-reconstruction_T1w.nii.gz")
    np.testing.assert_allclose(rebuilt.affine, model_grid(config.preprocessing).affine)
    np.testing.assert_allclose(rebuilt.get_fdata(), model.reconstruct([good])[0, 0], atol=1e-5)
    edited = nib.load(tmp_path / "out" / ANAT / f"{STEM}_space-MNI152_desc-towardsCN2_T1w.nii.gz")
    np.testing.assert_allclose(edited.get_fdata(), model.manipulate([good], "CN", [2.0])[0, 0, 0], atol=1e-5)


def test_the_page_stands_alone_and_says_what_it_is(ldae, good, predictions, tmp_path):
    ldae("predict", good)
    page = (tmp_path / "out" / f"{STEM}.html").read_text()
    assert page.count("data:image/png;base64,") == 3 and not re.search(r"(src|href)=\"(?!data:)", page)
    for words in (
        "Research use only",
        "phantom",
        "calibrated",
        "subjects, whose scans had probabilities of",
        "Counterfactuals",
    ):
        assert words in page
    assert f"{predictions().loc['good', 'p_AD']:.3f}" in page
    assert read_json(tmp_path / "out" / "dataset_description.json")["DatasetType"] == "derivative"


def test_a_failing_scan_has_its_reason_and_no_number(ldae, good, turned, predictions, tmp_path):
    """It lies on the model's grid, masked and scaled, upside down: nothing but measuring tells."""
    said = ldae("predict", good, turned)
    assert "1 of 2 scans passed" in said
    row = predictions().loc["turned"]
    assert row["status"] == "error" and "does not agree with the MNI152 brain: dice" in row["reason"]
    assert row[["p_AD", "p_AD_calibrated", "predicted_age", "unfamiliar", "y_sem_distance", "path"]].isna().all()
    page = (tmp_path / "out" / "sub-turned_ses-M000.html").read_text()
    assert "The model was not asked" in page and "does not agree" in page and "P(AD)" not in page
    assert predictions().loc["good", "p_AD"] > 0


def test_all_failing_gives_exit_code_1(ldae, turned, predictions):
    assert "0 of 1 scans passed" in ldae("predict", turned, code=1)
    assert len(predictions()) == 1


@pytest.mark.parametrize("fault", ["brighter", "no background", "moved", "dim"])
def test_what_is_not_preprocessed_is_not_taken_for_it(ldae, brain, config, tmp_path, predictions, fault):
    changed = {
        "brighter": brain * 200,
        "no background": np.clip(brain + 0.1, 0, 1),
        "moved": np.roll(brain, 2, axis=1),
        "dim": brain * 0.3,
    }
    ldae("predict", write_scan(tmp_path / "x.nii.gz", changed[fault], config), code=1)
    assert predictions().loc["x", "status"] == "error"
    assert "not preprocessed" in predictions().loc["x", "reason"]


def test_a_scan_that_is_done_is_kept_and_others_are_added(ldae, good, brain, config, worked, predictions, tmp_path):
    ldae("predict", good)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.nii.gz")}
    other = write_scan(tmp_path / "in" / "other.nii.gz", brain * 0.95, config)
    worked.clear()
    ldae("predict", other)
    ldae("predict", good)
    assert worked == ["sub-other_ses-M000"]
    assert list(predictions().index) == ["good", "other"]
    assert {path: path.stat().st_mtime_ns for path in files} == files


@pytest.mark.parametrize(
    "damaged", ["desc-preproc_T1w.nii.gz", "desc-towardsAD2_T1w.nii.gz", "desc-prediction_T1w.json"]
)
def test_what_is_damaged_is_made_again(ldae, good, tmp_path, damaged):
    ldae("predict", good)
    path = tmp_path / "out" / ANAT / f"{STEM}_space-MNI152_{damaged}"
    whole = path.read_bytes()
    path.write_bytes(whole[:40])
    ldae("predict", good)
    assert (path.read_bytes() == whole) if path.suffix == ".json" else nib.load(path).get_fdata().max() > 0.5


def test_nothing_is_overwritten_unless_asked(ldae, good, brain, config, predictions, tmp_path):
    ldae("predict", good)
    before = predictions()
    write_scan(good, brain * 0.9, config)
    said = ldae("predict", good, code=1)
    assert "--overwrite" in said and "expected:" in said
    pd.testing.assert_frame_equal(predictions(), before)
    ldae("predict", good, "--overwrite")
    assert predictions().loc["good", "p_AD"] != before.loc["good", "p_AD"]


def test_another_model_does_not_overwrite_either(ldae, good, config, tmp_path):
    ldae("reconstruct", good)
    other = tmp_path / "models"
    other.mkdir()
    write_model(other, config, seed=4)
    arguments = ["reconstruct", str(good), "--out", str(tmp_path / "out"), "--models", str(other)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1 and "one of another scan, model or setting" in result.output
    (other / "probes.json").write_text("{}")
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1 and "another or a damaged one" in result.output


def test_a_folder_of_somebody_else_is_left_alone(ldae, good, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    assert "a new or empty folder" in ldae("predict", good, code=1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_absent_inputs_are_all_named_before_any_work(ldae, good, worked, tmp_path):
    said = ldae("predict", good, tmp_path / "no.nii.gz", tmp_path / "none", code=1)
    assert "2 problems" in said and "no.nii.gz" in said and not worked and not (tmp_path / "out").exists()


def test_a_table_of_paths_gives_the_labels(ldae, good, config, brain, predictions, tmp_path):
    write_scan(tmp_path / "in" / "b.nii.gz", brain * 0.95, config)
    rows = {"path": ["in/good.nii.gz", "in/b.nii.gz"], "subject": ["P01", "P01"], "session": ["a", "b"]}
    pd.DataFrame(rows).to_csv(tmp_path / "scans.csv", index=False)
    ldae("predict", tmp_path / "scans.csv")
    assert list(predictions()["session"]) == ["a", "b"] and set(predictions().index) == {"P01"}


def test_a_bids_dataset_gives_one_scan_per_session_and_no_mask(ldae, brain, config, predictions, tmp_path, worked):
    """It is the derivative of an earlier run: its masks, pictures and edits are no scans."""
    name = "sub-X_ses-M012_space-MNI152_desc-preproc_T1w.nii.gz"
    ldae("reconstruct", write_scan(tmp_path / "in" / name, brain, config), out=tmp_path / "first")
    worked.clear()
    ldae("predict", tmp_path / "first")
    assert worked == ["sub-X_ses-M012"]
    assert predictions().loc["X", "session"] == "M012"


def test_a_dicom_folder_that_is_no_head_says_so_without_header_text(ldae, tmp_path, predictions):
    files = write_series(tmp_path / "images", "Jane_Roe", 7, slices=20)
    ldae("predict", tmp_path / "images", code=1)
    (row,) = predictions().to_dict("records")
    assert row["input"] == str(files[0].parent) and "80 mm: a slab" in row["reason"]
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".partial")]
    files[3].unlink()
    ldae("predict", tmp_path / "images", code=1)
    assert "1 slices missing" in predictions()["reason"].iloc[0]


def test_a_raw_head_goes_through_preprocessing_in_a_process_of_its_own(models, tmp_path):
    make_head(3.9).to_filename(tmp_path / "head_T1w.nii.gz")
    arguments = ["predict", tmp_path / "head_T1w.nii.gz", "--models", models, "--out", tmp_path / "out"]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    row = pd.read_csv(tmp_path / "out" / "predictions.csv").iloc[0]
    assert row["status"] == "pass" and 0 < row["p_AD"] < 1
    sidecar = read_json(row["path"].replace(".nii.gz", ".json"))
    assert sidecar["BrainExtraction"]["name"] == "deepbet" and sidecar["Sources"] == [str(tmp_path / "head_T1w.nii.gz")]
