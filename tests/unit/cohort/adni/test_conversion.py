"""Real Clinica and real dcm2niix on tiny series."""

import gzip
import os
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from ldae.cohort.columns import IMAGE_COLUMNS
from ldae.files import read_table
from tests.adni_download import (
    COLUMNS_OF_PIXELS,
    ROWS,
    SLICES,
    Download,
    image_row,
    visit_row,
    write_processed,
    write_series,
)
from tests.unit.cohort.adni.conversions import convert, fingerprint, label

GOOD, CUT, GAP = "011_S_0021", "012_S_0345", "013_S_6007"


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """A good subject with two visits and an absent Processed file, one truncated scan, one with a gap and a repeat."""
    root = tmp_path_factory.mktemp("conversion")
    download = Download(root / "download")
    first = download.add(GOOD, 10)
    download.visits.append(visit_row(GOOD, "m06", "2010-09-01", DX="Dementia"))
    download.images.append(image_row(GOOD, 12, Visit="ADNI1/GO Month 6", ScanDate="2010-09-03", MagStrength="1.494"))
    download.images.append(image_row(GOOD, 13, **{"Orig/Proc": "Processed", "Sequence": "MPR; GradWarp; N3; Scaled"}))
    write_series(download.dicom_dir, GOOD, 12)
    cut = download.add(CUT, 20)
    cut[3].write_bytes(cut[3].read_bytes()[:-50])
    download.add(GAP, 30)[7].unlink()
    download.visits[-1] |= {"ORIGPROT": "ADNI3", "COLPROT": "ADNI3"}
    download.images[-1] |= {"Sequence": "Accelerated Sagittal MPRAGE", "MagStrength": "3"}
    download.images.append(image_row(GAP, 31, Sequence="Accelerated Sagittal MPRAGE repeat", MagStrength="3"))
    write_series(download.dicom_dir, GAP, 31)
    download.write()
    before = fingerprint(download.root)
    report = convert(download, root / "out")
    return {"root": root, "download": download, "report": report, "before": before, "first": first}


@pytest.fixture(scope="module")
def labelled(converted):
    return label(converted["download"], converted["root"] / "out")


def test_sound_series_convert_and_broken_ones_say_why(converted):
    report = converted["report"]
    status = report["status"].to_dict()
    assert status == {"10": "converted", "12": "converted", "20": "broken", "30": "broken", "31": "converted"}
    assert "truncated" in report.loc["20", "reason"]
    assert "1 slices missing by their positions" in report.loc["30", "reason"]
    assert report.loc[["20", "30"], "cure"].ne("").all()
    assert not (converted["root"] / "out" / "bids" / "sub-ADNI012S0345").exists()


def test_the_image_holds_the_voxels_of_the_series(converted):
    image = nib.load(converted["report"].loc["10", "path"])
    pixels = np.stack([pydicom.dcmread(path).pixel_array for path in converted["first"]])
    assert sorted(image.shape) == sorted((SLICES, ROWS, COLUMNS_OF_PIXELS))
    np.testing.assert_allclose(np.sort(image.get_fdata(), axis=None), np.sort(pixels, axis=None), atol=0.1)


def test_the_images_say_nothing_of_the_people(converted):
    shard = (converted["root"] / "out" / "images.csv").read_text()
    assert shard.splitlines()[0] == ",".join(IMAGE_COLUMNS)
    assert not {"diagnosis", "age", "sex", "months", "site", "phase", "diagnosis_bl", "apoe4"} & set(IMAGE_COLUMNS)
    assert "70.3" not in shard
    assert "Dementia" not in shard
    assert "Female" not in shard
    assert converted["report"]["viscode"].to_dict() == {"10": "bl", "12": "m06", "20": "", "30": "", "31": "bl"}
    assert not list((converted["root"] / "out" / "bids").glob("*.tsv"))


def test_diagnosis_and_age_are_those_of_the_visit(labelled):
    report = labelled
    assert report.loc["10", ["session", "diagnosis", "months"]].tolist() == ["M000", "CN", "0"]
    assert report.loc["12", ["session", "diagnosis", "months"]].tolist() == ["M006", "AD", "6"]
    assert float(report.loc["12", "age"]) == pytest.approx(70.3 + 184 / 365.25, abs=1e-4)
    assert report.loc["12", "field_strength_t"] == "1.5"


def test_nothing_of_the_user_is_changed(converted, labelled):
    assert fingerprint(converted["download"].root) == converted["before"]


def test_no_scratch_is_left_and_the_dataset_holds_links_to_nothing(converted):
    out = converted["root"] / "out"
    assert not list(out.rglob(".partial-*"))
    assert not [path for path in (out / "bids").rglob("*") if path.is_symlink()]
    assert sorted(path.name for path in (out / "bids").glob("sub-*")) == ["sub-ADNI011S0021", "sub-ADNI013S6007"]


def test_unchanged_subjects_are_kept_and_changed_ones_converted_again(converted, in_process):
    out, report = converted["root"] / "out", converted["report"]
    written = {name: Path(report.loc[name, "path"]).stat().st_mtime_ns for name in ("10", "31")}
    Path(report.loc["12", "path"]).unlink()
    again = convert(converted["download"], out)
    assert again.equals(report)
    assert Path(report.loc["12", "path"]).is_file()
    assert Path(report.loc["31", "path"]).stat().st_mtime_ns == written["31"]
    assert Path(report.loc["10", "path"]).stat().st_mtime_ns != written["10"]


def test_a_scan_far_from_every_visit_converts_without_its_labels(tmp_path, in_process):
    download = Download(tmp_path / "download")
    download.add(GOOD, 10)
    download.images[0] |= {"Visit": "ADNI Screening", "ScanDate": "2013-03-05"}
    convert(download.write(), tmp_path)
    known = ["status", "session", "diagnosis", "age", "sex", "diagnosis_bl", "age_bl"]
    assert label(download, tmp_path).loc["10", known].tolist() == ["converted", "M036", "", "", "F", "CN", "70.3"]


def test_a_scan_rejected_by_quality_control_is_left_out_with_its_reason(tmp_path, in_process):
    download = Download(tmp_path / "download")
    download.add(GOOD, 10)
    download.images[0]["MagStrength"] = "3"
    download.write()
    (download.clinical_dir / "MAYOADIRL_MRI_IMAGEQC_05_07_15.csv").write_text(
        "RID,loni_image,series_type,series_selected,series_quality\n21,I10,T1,0,4\n"
    )
    report = convert(download, tmp_path)
    assert report.loc["10", "status"] == "unselected"
    assert "quality control" in report.loc["10", "reason"]


def test_a_crash_of_clinica_is_the_reason_of_its_own_subject(tmp_path, monkeypatch, in_process):
    download = Download(tmp_path / "download")
    download.add(GOOD, 10)
    (tmp_path / "broken.py").write_text("import sys\nprint('something broke', file=sys.stderr)\nsys.exit(3)\n")
    monkeypatch.setattr("ldae.cohort.clinica.CONVERTER", "broken")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    report = convert(download.write(), tmp_path)
    assert report.loc["10", "status"] == "failed"
    assert report.loc["10", "reason"] == "Clinica ended with code 3: no known exception"
    monkeypatch.undo()
    assert not list((tmp_path / "state").glob("*.json")), "a failure must not be kept"


RAW, PROCESSED, RESCALED, MIXED, NOTHING = "021_S_0001", "021_S_0002", "021_S_0003", "021_S_0004", "021_S_0005"
SCALED = "MPR; GradWarp; B1 Correction; N3; Scaled"


def processed_row(ptid, image_id, name):
    return image_row(ptid, image_id, **{"Orig/Proc": "Processed", "Sequence": name})


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """Raw only (two field strengths and a repeat), processed only (under a name that Clinica takes, and one that it
    does not), both, and a subject of whom Clinica takes nothing; each but the last with a visit without a scan.
    """
    root = tmp_path_factory.mktemp("kinds")
    download = Download(root / "download")
    for image_id in (100, 101, 102):
        write_series(download.dicom_dir, RAW, image_id)
    download.images += [image_row(RAW, 100, MagStrength="3"), image_row(RAW, 101, Sequence="MP-RAGE REPEAT")]
    download.images.append(image_row(RAW, 102))
    for ptid, image_id, name, suffix in (
        (PROCESSED, 200, SCALED, ".nii"),
        (RESCALED, 300, "MPR; ; N3; Scaled_2", ".nii.gz"),
        (MIXED, 400, SCALED, ".nii"),
    ):
        write_processed(download.dicom_dir, ptid, image_id, name, suffix)
        download.images.append(processed_row(ptid, image_id, name))
    download.images.append(image_row(MIXED, 401))
    write_series(download.dicom_dir, MIXED, 401)
    download.images.append(image_row(NOTHING, 500, Sequence="MPRAGE SENSE2"))
    write_series(download.dicom_dir, NOTHING, 500)
    for ptid in (RAW, PROCESSED, RESCALED, MIXED):
        download.visits += [visit_row(ptid), visit_row(ptid, "m12", "2011-03-01", DX="MCI")]
    download.visits.append(visit_row(NOTHING))
    report = convert(download.write(), root / "out")
    label(download, root / "out")
    return {"report": report, "out": root / "out", "download": download}


def test_raw_processed_and_mixed_downloads_convert(kinds):
    report = kinds["report"]
    assert set(report.index[report["status"] == "converted"]) == {"102", "200", "300", "400"}
    choice = report["choice"]
    assert choice["102"] == "1.5 T preferred in ADNI1; a first scan preferred to its repeat"
    assert choice["200"] == "the only usable series of the visit"
    assert "shown to Clinica as" in choice["300"]
    assert choice["400"] == "processed series '…Scaled' preferred to the original 401"


def test_every_image_on_disk_ends_with_a_reason_and_a_cure(kinds):
    others = kinds["report"].query("status != 'converted'")
    assert set(others.index) == {"100", "101", "401", "500"}
    assert others[["reason", "cure"]].ne("").all(axis=None)
    assert "image 102 of the same visit: 1.5 T preferred" in others.loc["100", "reason"]
    assert "image 400 of the same visit: processed" in others.loc["401", "reason"]
    assert "only unaccelerated" in others.loc["500", "reason"]


def test_the_directions_were_checked_against_the_source(kinds):
    orientation = kinds["report"]["orientation"]
    assert orientation["102"] == "checked (DICOM header)"
    assert orientation["200"] == "checked (NIfTI header)"


def test_a_processed_image_keeps_its_voxels_in_the_order_of_its_header(kinds):
    source = next(kinds["download"].dicom_dir.rglob("*_I200.nii"))
    voxels = np.asanyarray(nib.load(source).dataobj)[::-1]
    image = nib.load(kinds["report"].loc["200", "path"])
    np.testing.assert_allclose(image.get_fdata(), voxels, atol=0.1)
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")


def test_no_text_of_the_download_is_in_the_images(kinds):
    for path in (kinds["out"] / "bids").rglob("*.nii.gz"):
        content = gzip.decompress(path.read_bytes())
        assert b"Jane" not in content
        assert b"Time=" not in content


def test_the_dataset_holds_nothing_but_images_and_their_tables(kinds):
    bids = kinds["out"] / "bids"
    names = {re.sub(r"ADNI\w+?(?=[/_])", "X", str(p.relative_to(bids))) for p in bids.rglob("*") if p.is_file()}
    assert names == {
        "participants.tsv",
        "dataset_description.json",
        "sub-X/sub-X_sessions.tsv",
        "sub-X/ses-M000/sub-X_ses-M000_scans.tsv",
        "sub-X/ses-M000/anat/sub-X_ses-M000_T1w.nii.gz",
    }


def test_visits_without_a_scan_are_listed(kinds):
    visits = read_table(kinds["out"] / "visits.csv", dtype=str, keep_default_na=False)
    assert len(visits) == 9
    raw = visits[visits["subject"] == "ADNI021S0001"]
    assert raw[["session", "diagnosis", "images", "image_id"]].to_numpy().tolist() == [
        ["M000", "CN", "3", "102"],
        ["M012", "MCI", "0", ""],
    ]
