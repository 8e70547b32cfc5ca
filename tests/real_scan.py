"""The real scan of the shared data, laid out as an ADNI download of one made-up subject."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

import pydicom

from tests.adni_download import image_row, visit_row, write_tables

PTID, IMAGE_ID, SERIES_ID = "999_S_6999", 9000001, 9000002
SEQUENCE, SCAN_DATE = "Accelerated Sagittal MPRAGE", "2013-07-17"


def lay_out_real_scan(archive: str | Path, folder: str | Path) -> tuple[Path, Path]:
    """Unpack the DICOM series of `archive` below `folder` in LONI's layout, with clinical tables of its own.

    Copies are renamed and get the made-up subject code. Where `folder` holds a download already (in `images` and
    `clinical`), the subject is added to it.

    Returns
    -------
    dicom_dir, clinical_dir
    """
    dicom_dir, clinical_dir = Path(folder) / "images", Path(folder) / "clinical"
    name = SEQUENCE.replace(" ", "_")
    target = dicom_dir / PTID / name / f"{SCAN_DATE}_14_15_00.0" / f"I{IMAGE_ID}"
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(archive) as packed:
        packed.extractall(scratch, filter="data")
        for number, source in enumerate(sorted(Path(scratch).rglob("*.dcm")), start=1):
            image = pydicom.dcmread(source)
            image.PatientID = image.PatientName = PTID
            stem = f"ADNI_{PTID}_MR_{name}__br_raw_20130717141500_{number}_S{SERIES_ID}_I{IMAGE_ID}"
            image.save_as(target / f"{stem}.dcm")
    visit = visit_row(PTID, examdate=SCAN_DATE, EXAMDATE_bl=SCAN_DATE, COLPROT="ADNI3", ORIGPROT="ADNI3", AGE="42")
    image = image_row(PTID, IMAGE_ID, SeriesID=str(SERIES_ID), Sequence=SEQUENCE, MagStrength="3", ScanDate=SCAN_DATE)
    write_tables(clinical_dir, [visit], [image])
    return dicom_dir, clinical_dir
