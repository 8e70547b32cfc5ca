"""Tiny ADNI downloads in LONI's layout: a few slices per series, six minimal tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from ldae.cohort.adni.inventory import list_images
from ldae.cohort.adni.names import DIAGNOSES, MERGE, META, TABLE_COLUMNS, rid_of
from ldae.cohort.adni.tables import read_tables
from ldae.cohort.disk import find_subjects, list_files
from ldae.files import write_table

SLICES, ROWS, COLUMNS_OF_PIXELS = 32, 40, 36
STEP_MM, ROW_MM, COLUMN_MM = 4.0, 3.5, 3.75  # 128 x 140 x 135 mm: a head fits in


def visit_row(ptid: str, viscode: str = "bl", examdate: str = "2010-03-01", **values: str) -> dict[str, str]:
    """One row of ADNIMERGE."""
    row = dict.fromkeys(TABLE_COLUMNS[MERGE], "")
    row |= {"RID": rid_of(ptid), "COLPROT": "ADNI1", "ORIGPROT": "ADNI1", "PTID": ptid, "SITE": ptid[:3].lstrip("0")}
    row |= {"VISCODE": viscode, "EXAMDATE": examdate, "EXAMDATE_bl": "2010-03-01", "DX_bl": "CN", "DX": "CN"}
    row |= {"AGE": "70.3", "PTGENDER": "Female", "PTEDUCAT": "16", "APOE4": "0", "MMSE_bl": "29"}
    return row | values


def image_row(ptid: str, image_id: int, **values: str) -> dict[str, str]:
    """One row of MPRAGEMETA."""
    row = {"SubjectID": ptid, "Orig/Proc": "Original", "Visit": "ADNI Screening", "MagStrength": "1.5"}
    row |= {"Sequence": "MP-RAGE", "ScanDate": "2010-03-02", "StudyID": "77", "SeriesID": str(image_id + 500)}
    return row | {"ImageUID": str(image_id)} | values


def write_series(folder: Path, ptid: str, image_id: int, slices: int = SLICES) -> list[Path]:
    """Write one sagittal series of `slices` files and return their paths."""
    folder = folder / ptid / "MP-RAGE" / "2010-03-02_10_00_00.0" / f"I{image_id}"
    folder.mkdir(parents=True)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    rng = np.random.default_rng(image_id)
    paths = []
    for index in range(slices):
        path = folder / f"ADNI_{ptid}_MR_MP-RAGE__br_raw_20100302_{index + 1}_S{image_id + 500}_I{image_id}.dcm"
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID, image.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
        image.PatientID = image.PatientName = ptid
        image.Modality, image.Manufacturer, image.SeriesNumber, image.InstanceNumber = "MR", "none", 2, index + 1
        image.StudyDate = image.SeriesDate = image.AcquisitionDate = "20100302"
        image.StudyTime = image.SeriesTime = image.AcquisitionTime = "100000"
        image.SeriesDescription = image.ProtocolName = "MP-RAGE"
        image.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        image.ImagePositionPatient = [index * STEP_MM - 80, -100, 100]
        image.PixelSpacing, image.SliceThickness = [ROW_MM, COLUMN_MM], STEP_MM
        image.Rows, image.Columns, image.SamplesPerPixel = ROWS, COLUMNS_OF_PIXELS, 1
        image.PhotometricInterpretation, image.PixelRepresentation = "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelData = rng.integers(0, 4000, (ROWS, COLUMNS_OF_PIXELS), dtype=np.uint16).tobytes()
        image.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def write_processed(folder: Path, ptid: str, image_id: int, name: str, suffix: str = ".nii") -> Path:
    """Write a processed series as LONI gives it, one NIfTI file, stored left-anterior-superior; return its path."""
    stem = name.replace("; ", "__").replace(" ", "_")
    folder = folder / ptid / stem / "2010-03-02_10_00_00.0" / f"I{image_id}"
    folder.mkdir(parents=True)
    path = folder / f"ADNI_{ptid}_MR_{stem}_Br_20100302100000000_S{image_id + 500}_I{image_id}{suffix}"
    voxels = np.random.default_rng(image_id).integers(0, 4000, (SLICES, ROWS, COLUMNS_OF_PIXELS)).astype(np.int16)
    image = nib.Nifti1Image(voxels, np.diag([-STEP_MM, ROW_MM, COLUMN_MM, 1.0]))
    image.header["descrip"] = b"Jane Roe"
    nib.save(image, path)
    return path


def edit_series(paths: list[Path], **values: object) -> None:
    """Set header fields of every file."""
    for path in paths:
        image = pydicom.dcmread(path)
        for name, value in values.items():
            setattr(image, name, value)
        image.save_as(path)


@dataclass
class Download:
    """A download being made: `add` scans and visits, change the rows, then `write` the tables."""

    root: Path
    visits: list[dict] = field(default_factory=list)
    images: list[dict] = field(default_factory=list)

    @property
    def dicom_dir(self) -> Path:
        return self.root / "images"

    @property
    def clinical_dir(self) -> Path:
        return self.root / "clinical"

    def add(self, ptid: str, image_id: int, slices: int = SLICES) -> list[Path]:
        """A baseline visit with its scan."""
        self.visits.append(visit_row(ptid))
        self.images.append(image_row(ptid, image_id))
        return write_series(self.dicom_dir, ptid, image_id, slices)

    def write(self) -> Download:
        """Write the six tables."""
        write_tables(self.clinical_dir, self.visits, self.images)
        return self


def write_unchecked_inventory(download: Download, path: Path) -> None:
    """Write the inventory as if every image had passed the check of its headers, and broke later."""
    files = list_files(download.dicom_dir).assign(verdict="sound", fault="", fault_cure="", header_field_t="")
    images, _, _ = list_images(read_tables(download.clinical_dir), files, find_subjects(download.dicom_dir), 1)
    write_table(path, images)


def write_tables(folder: Path, visits: list[dict], images: list[dict]) -> None:
    """Write the six tables of these visits and images; rows that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    codes = sorted({row["PTID"] for row in visits})
    rows = {
        MERGE: visits,
        META: images,
        "APOERES": [{"RID": rid_of(code), "APGEN1": "3", "APGEN2": "3"} for code in codes],
        DIAGNOSES: [{"PTID": code, "VISCODE2": "sc", "DIAGNOSIS": "1"} for code in codes],
    }
    for name, columns in TABLE_COLUMNS.items():
        path = folder / f"{name}.csv"
        parts = [pd.read_csv(path, dtype=str)] if path.exists() else []
        new = pd.DataFrame(rows.get(name, []))
        pd.concat([*parts, new if len(new) else pd.DataFrame(columns=columns)]).to_csv(path, index=False)
