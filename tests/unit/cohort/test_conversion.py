"""Real Clinica and real dcm2niix on tiny series."""

import hashlib
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from ldae.cohort.conversion import convert_shard, visit_facts
from ldae.cohort.inventory import build_inventory
from ldae.files import read_table
from ldae.pool import Outcome
from tests.adni_download import COLUMNS_OF_PIXELS, ROWS, SLICES, Download, image_row, visit_row, write_series

GOOD, CUT, GAP = "011_S_0021", "012_S_0345", "013_S_6007"


def convert(download, out, code="1"):
    """Run inventory and conversion of the whole download in the folder `out`; return the report."""
    build_inventory(
        download.dicom_dir, download.clinical_dir, out / "inventory.csv", out / "quarantine.csv", [str(out / "0.csv")]
    )
    folders = (download.dicom_dir, download.clinical_dir, out / "bids", out / "state")
    convert_shard(out / "0.csv", out / "report.csv", *folders, timeout_s=120, code=code, workers=1)
    return read_table(out / "report.csv", dtype=str, keep_default_na=False).set_index("image_id")


@pytest.fixture
def in_process(monkeypatch):
    """Spare the start of a process pool."""
    monkeypatch.setattr(
        "ldae.cohort.conversion.run_items",
        lambda function, items, **_: (Outcome(item, function(item)) for item in items),
    )


def fingerprint(folder):
    """Names, contents and times of everything below a folder."""
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in sorted(Path(folder).rglob("*"))
    }


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


def test_sound_series_convert_and_broken_ones_say_why(converted):
    report = converted["report"]
    status = report["status"].to_dict()
    assert status == {"10": "converted", "12": "converted", "20": "broken", "30": "broken", "31": "converted"}
    assert "truncated" in report.loc["20", "reason"]
    assert "InstanceNumber 8" in report.loc["30", "reason"]
    assert report.loc[["20", "30"], "cure"].ne("").all()
    assert not (converted["root"] / "out" / "bids" / "sub-ADNI012S0345").exists()


def test_the_image_holds_the_voxels_of_the_series(converted):
    image = nib.load(converted["report"].loc["10", "path"])
    pixels = np.stack([pydicom.dcmread(path).pixel_array for path in converted["first"]])
    assert sorted(image.shape) == sorted((SLICES, ROWS, COLUMNS_OF_PIXELS))
    np.testing.assert_allclose(np.sort(image.get_fdata(), axis=None), np.sort(pixels, axis=None), atol=0.1)


def test_diagnosis_and_age_are_those_of_the_visit(converted):
    report = converted["report"]
    assert report.loc["10", ["session", "diagnosis", "months"]].tolist() == ["M000", "CN", "0"]
    assert report.loc["12", ["session", "diagnosis", "months"]].tolist() == ["M006", "AD", "6"]
    assert float(report.loc["12", "age"]) == pytest.approx(70.3 + 184 / 365.25, abs=1e-4)
    assert report.loc["12", "field_strength_t"] == "1.5"


def test_nothing_of_the_user_is_changed(converted):
    assert fingerprint(converted["download"].root) == converted["before"]


def test_no_scratch_is_left_and_the_dataset_holds_links_to_nothing(converted):
    out = converted["root"] / "out"
    assert not list(out.rglob(".partial-*"))
    assert not [path for path in (out / "bids").rglob("*") if path.is_symlink()]
    assert sorted(path.name for path in (out / "bids").iterdir()) == ["sub-ADNI011S0021", "sub-ADNI013S6007"]


def test_unchanged_subjects_are_kept_and_changed_ones_converted_again(converted, in_process):
    out, report = converted["root"] / "out", converted["report"]
    written = {name: Path(report.loc[name, "path"]).stat().st_mtime_ns for name in ("10", "31")}
    Path(report.loc["12", "path"]).unlink()
    again = convert(converted["download"], out)
    assert again.equals(report)
    assert Path(report.loc["12", "path"]).is_file()
    assert Path(report.loc["31", "path"]).stat().st_mtime_ns == written["31"]
    assert Path(report.loc["10", "path"]).stat().st_mtime_ns != written["10"]


def test_a_scan_far_from_every_visit_is_refused(tmp_path, in_process):
    download = Download(tmp_path / "download")
    download.add(GOOD, 10)
    download.images[0] |= {"Visit": "ADNI2 Year 3 Visit", "ScanDate": "2013-03-05"}
    report = convert(download.write(), tmp_path)
    assert report.loc["10", "status"] == "failed"
    assert "1100 days" in report.loc["10", "reason"]
    assert not list((tmp_path / "bids").rglob("*.nii.gz"))


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
    fake = tmp_path / "clinica"
    fake.write_text("#!/bin/sh\necho something broke >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setattr("ldae.cohort.clinica.find_program", lambda name: fake)
    report = convert(download.write(), tmp_path)
    assert report.loc["10", "status"] == "failed"
    assert "code 3: something broke" in report.loc["10", "reason"]
    monkeypatch.undo()
    assert not list((tmp_path / "state").iterdir()), "a failure must not be kept"


@pytest.mark.parametrize("diagnosis, label", [("CN", "CN"), ("MCI", "MCI"), ("Dementia", "AD"), ("", "")])
def test_visit_facts(diagnosis, label):
    facts = visit_facts(visit_row(GOOD, "m12", "2011-03-01", DX=diagnosis, DX_bl="EMCI"))
    assert facts["diagnosis"] == label and facts["diagnosis_bl"] == "MCI"
    assert (facts["session"], facts["months"], facts["sex"]) == ("M012", 12, "F")
    assert facts["age"] == pytest.approx(71.3, abs=0.01)
