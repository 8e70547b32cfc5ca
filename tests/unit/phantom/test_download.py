"""The fabricated download as a whole, at a coarse voxel size."""

from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from ldae.config.load import load_config
from ldae.errors import UserError
from ldae.phantom import download as phantom
from ldae.phantom.people import draw_cohort
from ldae.phantom.tables import build_tables
from ldae.pool import Outcome

ROOT = Path(__file__).resolve().parents[3]
SEED = 20  # somebody converts, and somebody has a birthday between two visits
CONFIG = load_config(ROOT / "config.yaml").phantom.model_copy(
    update={"subjects": 6, "visits_per_subject": [0.5, 0.5], "missing_scan_fraction": 0.0, "voxel_size_mm": (4.5, 5.0)}
)


@pytest.fixture(scope="module")
def in_process():
    """Work through the items here: a new process would build the atlas once more."""
    patch = pytest.MonkeyPatch()
    patch.setattr(
        phantom, "finish_items", lambda function, items, **_: [Outcome(item, function(item)) for item in items]
    )
    yield patch
    patch.undo()


def paths(folder):
    """Where a download goes."""
    return folder / "images", folder / "clinical", folder / "truth.csv"


@pytest.fixture(scope="module")
def download(tmp_path_factory, in_process):
    root = tmp_path_factory.mktemp("phantom")
    phantom.make_phantom(CONFIG, root / "images", root / "clinical", root / "truth.csv", seed=SEED, workers=1)
    return root


def test_every_scan_of_the_tables_is_on_disk_and_no_other(download):
    meta = pd.read_csv(download / "clinical" / "MPRAGEMETA.csv")
    originals = meta[meta["Orig/Proc"] == "Original"]
    folders = {path.parent for path in (download / "images").rglob("*.dcm")}
    assert sorted(int(folder.name[1:]) for folder in folders) == sorted(originals.ImageUID)
    for row in originals.itertuples():
        files = list((download / "images" / row.SubjectID).rglob(f"*_I{row.ImageUID}.dcm"))
        header = pydicom.dcmread(files[0], stop_before_pixels=True)
        assert header.PatientID == row.SubjectID
        assert header.StudyDate == row.ScanDate.replace("-", "")
        assert len(files) == round(200 / float(header.SliceThickness))


def first_headers(folder):
    """The header of the first slice of each series, by image ID."""
    return {int(path.parent.name[1:]): pydicom.dcmread(path) for path in folder.rglob("*_1_S*.dcm")}


def test_headers_tell_the_person_at_the_visit(download):
    headers = first_headers(download / "images")
    birthdays = 0
    for subject in draw_cohort(CONFIG, SEED):
        birthdays += int(subject.visits[-1].age) != int(subject.age)
        for visit in subject.visits:
            header = headers[subject.image_id(visit)]
            assert header.PatientAge == f"{int(visit.age):03d}Y"
            assert header.PatientSex == subject.sex[0]
            assert header.MagneticFieldStrength == pytest.approx(subject.phase.field_strength_t, abs=0.2)
            assert header.SeriesDescription == subject.phase.sequence
    assert birthdays
    assert {header.PatientSex for header in headers.values()} == {"F", "M"}


def test_no_scan_is_like_another(download):
    headers = first_headers(download / "images").values()
    for element in ("ImagePositionPatient", "ImageOrientationPatient", "StudyTime", "SeriesInstanceUID", "PixelData"):
        assert len({str(header[element].value) for header in headers}) == len(headers), element


def test_another_seed_gives_the_same_head_another_scan(download, tmp_path):
    subject = draw_cohort(CONFIG, SEED)[0]
    rows = phantom.fabricate_subject(phantom.SubjectJob(CONFIG, SEED + 1, subject, tmp_path))
    truth = pd.read_csv(download / "truth.csv").query("subject == @subject.label")
    assert pd.DataFrame(rows)[truth.columns].round(3).equals(truth.reset_index(drop=True).round(3))
    images = [first_headers(folder)[subject.image_id(subject.visits[0])] for folder in (tmp_path, download / "images")]
    assert images[0].ImagePositionPatient != images[1].ImagePositionPatient


def test_the_tables_are_those_of_the_seed(download):
    written = pd.read_csv(download / "clinical" / "ADNIMERGE.csv", keep_default_na=False)
    scores = ["RID", "ADAS13_bl", "RAVLT_immediate_bl", "TRABSCOR_bl"]
    mine, others = (build_tables(draw_cohort(CONFIG, SEED), seed)["ADNIMERGE"] for seed in (SEED, SEED + 1))
    assert written[scores].equals(mine[scores])
    assert not written[scores].equals(others[scores])


def test_nothing_partial_is_left(download):
    assert sorted(path.name for path in download.iterdir()) == ["clinical", "images", "truth.csv"]
    assert not list(download.rglob(".partial-*"))
    assert len(list((download / "clinical").iterdir())) == 6


def test_the_truth_has_one_row_per_scan_and_agrees_with_the_cohort(download):
    truth = pd.read_csv(download / "truth.csv")
    visits = {
        (s.label, f"M{int(v.code[1:]) if v.code != 'bl' else 0:03d}"): v
        for s in draw_cohort(CONFIG, SEED)
        for v in s.visits
    }
    assert list(truth.columns) == phantom.TRUTH_COLUMNS
    assert set(zip(truth.subject, truth.session, strict=True)) == set(visits)
    for row in truth.itertuples():
        visit = visits[row.subject, row.session]
        assert (row.diagnosis, row.age) == (visit.diagnosis, pytest.approx(visit.age, abs=0.01))
        assert row.severity == pytest.approx(visit.severity, abs=1e-4)
    assert truth.groupby("subject")["diagnosis"].nunique().max() == 2
    walls = [visits[key].anatomy.ventricle_mm for key in zip(truth.subject, truth.session, strict=True)]
    assert np.corrcoef(walls, truth.ventricle_ml)[0, 1] > 0.95
    assert truth.ventricle_ml.between(8, 95).all() and truth.hippocampus_ml.between(2, 8).all()


def test_the_same_seed_gives_the_same_download(download, tmp_path, in_process):
    subject = draw_cohort(CONFIG, SEED)[0]
    (tmp_path / "images").mkdir()
    rows = phantom.fabricate_subject(phantom.SubjectJob(CONFIG, SEED, subject, tmp_path / "images"))
    truth = pd.read_csv(download / "truth.csv").query("subject == @subject.label")
    assert [row["ventricle_ml"] for row in rows] == list(truth.ventricle_ml)
    again = sorted((tmp_path / "images").rglob("*.dcm"))
    for path in again[::20]:
        assert path.read_bytes() == (download / path.relative_to(tmp_path)).read_bytes()
    assert len(again) == len(list((download / "images" / subject.ptid).rglob("*.dcm")))


def test_scans_of_a_head_have_a_bright_brain_and_dark_air(download):
    truth = pd.read_csv(download / "truth.csv")
    folder = next((download / "images").rglob("I*/"))
    slices = sorted(map(pydicom.dcmread, folder.glob("*.dcm")), key=lambda dataset: dataset.InstanceNumber)
    volume = np.stack([dataset.pixel_array for dataset in slices])
    middle = volume[len(volume) // 2]
    corner = volume[:4, :4, :4].mean()
    assert np.median(middle[len(middle) // 4 : len(middle) // 2]) > 5 * corner
    assert len(truth) >= 6


@pytest.mark.parametrize(
    "naming, names",
    [
        ("legacy", ["ADNIMERGE.csv", "APOERES.csv", "DXSUM_PDXCONV_ADNIALL.csv"]),
        ("loni2024", ["ADNIMERGE_21Nov2025.csv", "APOERES_21Nov2025.csv", "DXSUM_21Nov2025.csv"]),
    ],
)
def test_the_tables_bear_the_names_of_the_config(tmp_path, monkeypatch, naming, names):
    monkeypatch.setattr(phantom, "_fabricate", lambda *_: pd.DataFrame(columns=phantom.TRUTH_COLUMNS))
    config = CONFIG.model_copy(update={"naming": naming})
    phantom.make_phantom(
        config, tmp_path / "images", tmp_path / "clinical", tmp_path / "truth.csv", seed=SEED, workers=1
    )
    written = sorted(path.name for path in (tmp_path / "clinical").iterdir())
    assert written[:3] == names and len(written) == 6


def test_a_folder_with_content_is_refused_and_kept(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "mine.dcm").write_text("precious")
    with pytest.raises(UserError, match="absent or empty"):
        phantom.make_phantom(
            CONFIG, tmp_path / "images", tmp_path / "clinical", tmp_path / "truth.csv", seed=SEED, workers=1
        )
    assert (tmp_path / "images" / "mine.dcm").read_text() == "precious"


def test_one_failed_subject_fails_the_download_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        phantom, "finish_items", lambda _, items, **__: [Outcome(item, error="disk full") for item in items]
    )
    with pytest.raises(UserError, match=r"6 failed.*disk full"):
        phantom.make_phantom(
            CONFIG, tmp_path / "images", tmp_path / "clinical", tmp_path / "truth.csv", seed=SEED, workers=1
        )
    assert not list(tmp_path.iterdir())


def test_a_subject_without_scan_has_no_folder(tmp_path):
    config = CONFIG.model_copy(update={"missing_scan_fraction": 1.0})
    assert phantom.fabricate_subject(phantom.SubjectJob(config, SEED, draw_cohort(config, SEED)[0], tmp_path)) == []
    assert not list(tmp_path.iterdir())
