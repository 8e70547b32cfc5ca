"""Odd values in the headers of a DICOM series: a verdict, never an exception, and none of the header's text."""

from __future__ import annotations

import pydicom
import pytest
from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.uid import UID

from ldae.cohort.adni.headers import VERDICT_COLUMNS, check_image
from tests.adni_download import write_series
from tests.faults.document import Fault

PTID, SECRET = "011_S_0021", "Roe^Jane"
HUGE = "2147483647"
ODD = {
    "a number of the instance that is huge": ("InstanceNumber", "IS", HUGE, 1),
    "a number of the instance that is text": ("InstanceNumber", "IS", SECRET, 1),
    "as many images as fit a number": ("ImagesInAcquisition", "IS", HUGE, 32),
    "a number of frames that is huge": ("NumberOfFrames", "IS", HUGE, 1),
    "a negative number of frames": ("NumberOfFrames", "IS", "-3", 1),
    "no rows": ("Rows", "US", 0, 32),
    "more rows than pixels": ("Rows", "US", 65535, 32),
    "a position that is no number": ("ImagePositionPatient", "DS", ["nan", "0", "0"], 1),
    "a position that is infinite": ("ImagePositionPatient", "DS", ["inf", "0", "0"], 1),
    "a position of text": ("ImagePositionPatient", "DS", [SECRET, "1", "2"], 1),
    "a position of two numbers": ("ImagePositionPatient", "DS", ["1", "2"], 1),
    "an orientation of zeros": ("ImageOrientationPatient", "DS", ["0"] * 6, 32),
    "an orientation of text": ("ImageOrientationPatient", "DS", [SECRET] * 6, 32),
    "pixels of no size": ("PixelSpacing", "DS", ["0", "0"], 32),
    "pixels of negative size": ("PixelSpacing", "DS", ["-3.5", "-3.5"], 32),
    "pixels of one size": ("PixelSpacing", "DS", ["3.5"], 32),
    "a field strength of text": ("MagneticFieldStrength", "DS", SECRET, 32),
    "an infinite field strength": ("MagneticFieldStrength", "DS", "inf", 32),
    "an unknown character set": ("SpecificCharacterSet", "CS", SECRET, 32),
    "another modality": ("Modality", "CS", SECRET, 32),
    "an unknown syntax": ("TransferSyntaxUID", "UI", UID("1.2.3.4"), 1),
    "bits that do not fit": ("BitsAllocated", "US", 12, 1),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_header_has_a_verdict(tmp_path, monkeypatch, caplog, record_fault, odd):
    name, kind, value, files = ODD[odd]
    monkeypatch.setattr(config.settings, "writing_validation_mode", config.IGNORE)
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)
    paths = write_series(tmp_path, PTID, 10)
    for path in paths[:files]:
        image = pydicom.dcmread(path)
        part = image.file_meta if name == "TransferSyntaxUID" else image
        part[name] = DataElement(pydicom.datadict.tag_for_keyword(name), kind, value, already_converted=True)
        image.save_as(path, enforce_file_format=False)
    folder = paths[0].parent.relative_to(tmp_path).as_posix()
    verdict = check_image({"ptid": PTID, "image_id": "10", "format": "dcm", "folder": folder}, tmp_path)
    assert set(verdict) == set(VERDICT_COLUMNS) and verdict["verdict"] in ("sound", "broken", "other")
    assert verdict["verdict"] == "sound" or (verdict["fault"] and verdict["fault_cure"])
    assert SECRET not in f"{verdict}{caplog.text}" and "Roe" not in f"{verdict}{caplog.text}"
    outcome = "used as it is" if verdict["verdict"] == "sound" else "set aside with its reason"
    record_fault(Fault("input", odd, "the headers of a DICOM series", outcome, verdict["fault"] or "nothing"))
