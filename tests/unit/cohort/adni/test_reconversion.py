"""A subject converted again: what is kept, what is made anew, and what a fault leaves."""

import errno
import os
from pathlib import Path

import nibabel as nib
import pandas as pd
import pytest

from ldae.cohort.clinica import ConversionFailed, run_clinica
from ldae.errors import Busy, PassingTrouble, UserError
from ldae.files import read_table
from ldae.lock import one_at_a_time
from tests.adni_download import (
    Download,
)
from tests.unit.cohort.adni.conversions import convert, label

GOOD, CUT, GAP = "011_S_0021", "012_S_0345", "013_S_6007"


@pytest.fixture
def single(tmp_path, in_process):
    """One converted subject."""
    download = Download(tmp_path / "download")
    download.add(GOOD, 10)
    return download, tmp_path / "out", convert(download.write(), tmp_path / "out")


def rewrite(download, **values):
    """Change the subject's row of ADNIMERGE."""
    download.visits[0] |= values
    pd.DataFrame(download.visits).to_csv(download.clinical_dir / "ADNIMERGE.csv", index=False)


def never(*_):
    raise AssertionError("Clinica was called")


def test_a_changed_csv_refreshes_the_tables_and_leaves_the_images_alone(single, monkeypatch):
    download, out, before = single
    path = Path(before.loc["10", "path"])
    image = (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes())
    earlier = label(download, out)
    rewrite(download, DX="Dementia", AGE="75.5", PTGENDER="Male", PTEDUCAT="9", APOE4="2", DX_bl="LMCI", SITE="7")
    monkeypatch.setattr("ldae.cohort.adni.conversion.run_clinica", never)
    assert convert(download, out).equals(before)
    after = label(download, out)
    facts = ["diagnosis", "age", "sex", "education_years", "apoe4", "diagnosis_bl", "site"]
    assert after.loc["10", facts].tolist() == ["AD", "75.5", "M", "9", "2", "MCI", "7"]
    assert after.drop(columns=[*facts, "age_bl"]).equals(earlier.drop(columns=[*facts, "age_bl"]))
    assert (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) == image
    assert "ses-M000\tAD\t75.5" in next((out / "bids").rglob("*_sessions.tsv")).read_text()
    assert read_table(out / "visits.csv").loc[0, "diagnosis"] == "AD"


def test_a_visit_that_is_gone_from_the_tables_is_said(single):
    download, out, _ = single
    rewrite(download, VISCODE="m06")
    with pytest.raises(UserError, match="sub-ADNI011S0021 at bl"):
        label(download, out)


def test_what_decides_the_choice_of_images_converts_again(single, monkeypatch):
    download, out, _ = single
    state = out / "state" / "ADNI011S0021.json"
    kept = state.read_bytes()
    monkeypatch.setattr("ldae.cohort.adni.conversion.run_clinica", never)
    for values in ({"EXAMDATE": "2010-03-09"}, {"COLPROT": "ADNIGO"}, {"ORIGPROT": "ADNIGO"}):
        state.write_bytes(kept)
        rewrite(download, **{"EXAMDATE": "2010-03-01", "COLPROT": "ADNI1", "ORIGPROT": "ADNI1"} | values)
        with pytest.raises(AssertionError, match="Clinica was called"):
            convert(download, out)


def test_a_converter_that_swaps_left_and_right_is_caught(tmp_path, monkeypatch, in_process):
    def swapping(images, clinical, bids, timeout_s):
        selected = run_clinica(images, clinical, bids, timeout_s)
        path = next(bids.rglob("*.nii.gz"))
        image = nib.load(path)
        nib.save(nib.Nifti1Image(image.get_fdata()[::-1], image.affine, image.header), path)
        return selected

    download = Download(tmp_path / "download")
    download.add(GOOD, 10)
    monkeypatch.setattr("ldae.cohort.adni.conversion.run_clinica", swapping)
    report = convert(download.write(), tmp_path)
    assert report.loc["10", ["status", "reason"]].tolist() == [
        "failed",
        "the converted volume has left and right swapped",
    ]
    assert not list((tmp_path / "bids").iterdir())
    assert not list((tmp_path / "state").glob("*.json"))


def test_nothing_of_an_interrupted_conversion_is_taken_as_done(single, monkeypatch):
    download, out, before = single
    (out / "state" / "ADNI011S0021.json").unlink()
    path = Path(before.loc["10", "path"])
    path.write_bytes(b"half")
    (path.parent / "stray.nii.gz").write_bytes(b"half")
    assert convert(download, out).equals(before)
    assert not list(out.rglob(".partial-*"))
    assert not list(out.rglob("stray*"))
    assert nib.load(path).get_fdata().std() > 0


def test_a_kept_image_that_was_cut_since_is_converted_again(single):
    download, out, before = single
    path = Path(before.loc["10", "path"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert convert(download, out).equals(before)
    assert path.read_bytes() == whole


def test_earlier_images_survive_a_conversion_that_fails(single, monkeypatch):
    download, out, before = single
    path = Path(before.loc["10", "path"])
    whole = path.read_bytes()

    def fails(*_):
        raise ConversionFailed("Clinica ended with code 1: something")

    monkeypatch.setattr("ldae.cohort.adni.conversion.run_clinica", fails)
    for code in ("2", "3"):  # also the second time
        report = convert(download, out, code=code)
        assert report.loc["10", ["status", "path"]].tolist() == ["converted", str(path)]
        assert "something" in report.loc["10", "reason"] and path.read_bytes() == whole
    monkeypatch.undo()
    assert convert(download, out, code="3").equals(before), "the next run converts again"


def test_earlier_images_of_other_files_do_not_survive(single, monkeypatch):
    download, out, _ = single

    def fails(*_):
        raise ConversionFailed("Clinica ended with code 1")

    files = sorted((download.dicom_dir / GOOD).rglob("*.dcm"))
    os.utime(files[0], ns=(1, 1))  # another file of the same name
    monkeypatch.setattr("ldae.cohort.adni.conversion.run_clinica", fails)
    report = convert(download, out)
    assert report.loc["10", "status"] == "failed"
    assert not list((out / "bids").iterdir())
    assert not list((out / "state").glob("*.json"))


@pytest.mark.parametrize("trouble", [PassingTrouble("Clinica took longer than 1 s"), OSError(errno.ENOSPC, "full")])
def test_a_passing_trouble_is_no_outcome_and_costs_nothing(single, monkeypatch, trouble):
    download, out, before = single
    path = Path(before.loc["10", "path"])
    whole = path.read_bytes()

    def fails(*_):
        raise trouble

    monkeypatch.setattr("ldae.cohort.adni.conversion.run_clinica", fails)
    (out / "images.csv").unlink()
    with pytest.raises(UserError, match="sub-ADNI011S0021"):
        convert(download, out, code="2")
    assert not (out / "images.csv").exists(), "no manifest says that the shard is done"
    assert path.read_bytes() == whole
    monkeypatch.undo()
    assert convert(download, out, code="2").equals(before)


def test_a_worker_that_outlived_its_job_keeps_others_out_of_its_subject(single):
    download, out, before = single
    (out / "images.csv").unlink()
    with one_at_a_time(out / "state" / "ADNI011S0021.json"), pytest.raises(UserError, match="sub-ADNI011S0021"):
        convert(download, out, code="2")
    assert convert(download, out, code="2").equals(before)


def test_two_processes_never_convert_one_shard(single):
    download, out, _ = single
    with one_at_a_time(out / "images.csv"), pytest.raises(Busy, match="holds the lock"):
        convert(download, out, code="2")
