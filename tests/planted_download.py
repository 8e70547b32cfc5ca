"""Recognisable private text in a download: in header fields, names of files and folders, JSON files and tables."""

from __future__ import annotations

import csv
import datetime
import json
import shutil
from pathlib import Path

import nibabel as nib
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import JPEGLosslessSV1

WORD = "Wombat"  # every text below holds it
PRIVATE = {
    "PatientName": "Wombat^Jane",
    "PatientID": "WombatID",
    "OtherPatientIDs": "WombatOther",
    "OtherPatientNames": "Wombat^Maiden",
    "PatientAddress": "1 Wombat Road",
    "PatientTelephoneNumbers": "WombatPhone",
    "PatientComments": "Wombat comment",
    "AdditionalPatientHistory": "Wombat history",
    "EthnicGroup": "WombatGroup",
    "Occupation": "WombatTrade",
    "InstitutionName": "Wombat Hospital",
    "InstitutionAddress": "2 Wombat Street",
    "InstitutionalDepartmentName": "Wombat Ward",
    "StationName": "WombatStation",
    "DeviceSerialNumber": "WombatSerial",
    "OperatorsName": "Wombat^Operator",
    "ReferringPhysicianName": "Wombat^Referrer",
    "PerformingPhysicianName": "Wombat^Performer",
    "RequestingPhysician": "Wombat^Requester",
    "PhysiciansOfRecord": "Wombat^Record",
    "AccessionNumber": "WombatAccession",
    "StudyID": "WombatStudyID",
    "ImageComments": "Wombat image comment",
    "StudyDescription": "Wombat study",
    "SeriesDescription": "Wombat series",
    "ProtocolName": "Wombat protocol",
    "SequenceName": "WombatSequence",
    "RequestedProcedureDescription": "Wombat request",
    "PerformedProcedureStepDescription": "Wombat step",
    "DerivationDescription": "Wombat derivation",
}
DAY = datetime.date(1937, 9, 17)  # every date of the headers, far from those of the tables
SECONDS = "42319"
TIME = f"0{SECONDS}.731"
SERIES_UID = "1.2.826.0.1.3680043.8.498.93709170423"
WRITTEN = tuple(f"{DAY:{form}}" for form in ("%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d%b%Y", "%m/%d/%Y", "%d%m%Y"))
SECRETS = (WORD, *WRITTEN, SECONDS, "04:23:19", SERIES_UID[-11:])
ODD_CELLS = (("AGE", WORD), ("EXAMDATE_bl", WRITTEN[2]), ("DX", WRITTEN[3]))
NAMED = "Wombat^Jane_1937-09-17"
FREE_TEXT = f"{PRIVATE['PatientName']}, born {WRITTEN[2]}, seen {WRITTEN[3]}"
DATES = ("PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate")
TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime", "InstanceCreationTime")
PRIVATE_BLOCK = 0x0029


def plant(folder: Path) -> None:
    """Put `PRIVATE` text, date, time and UID into every DICOM file below `folder`."""
    for path in sorted(folder.rglob("*.dcm")):
        image = pydicom.dcmread(path)
        for name, text in PRIVATE.items():
            setattr(image, name, text)
        for name in DATES:
            setattr(image, name, f"{DAY:%Y%m%d}")
        for name in TIMES:
            setattr(image, name, TIME)
        image.SeriesInstanceUID = SERIES_UID
        step = Dataset()
        step.ScheduledProcedureStepDescription = "Wombat nested"
        image.RequestAttributesSequence = [step]
        block = image.private_block(PRIVATE_BLOCK, "WOMBAT CREATOR", create=True)
        block.add_new(1, "LO", "Wombat private")
        block.add_new(2, "OB", b"Wombat bytes")
        image.save_as(path)


def name_folders(images: Path) -> str:
    """Name people and days in files and folders of an ADNI download; return the last subject, who loses the image."""
    subjects = sorted(path for path in images.iterdir() if path.is_dir())
    for subject in subjects:
        for number, series in enumerate(sorted(subject.iterdir())):
            named = series.rename(subject / f"{NAMED}_{number}")
            for path in sorted(named.rglob("*.dcm")):
                path.rename(path.with_name(f"{NAMED}_{path.name}"))
    first = sorted(subjects[-1].rglob("*.dcm"))
    for folder, suffix in ((WRITTEN[2], ".dcm"), (f"{WRITTEN[3]}_04_23_19.0", ".dcm"), ("other", f".{WRITTEN[1]}")):
        place = subjects[-1] / NAMED / folder
        place.mkdir(parents=True)
        shutil.copy(first[0], place / f"{WORD}{suffix}")
    shutil.copytree(first[0].parent, subjects[-1] / f"{WORD} copy {WRITTEN[0]}" / first[0].parent.name)
    (images / f"{NAMED} unsorted").mkdir()
    return subjects[-1].name


def write_into_tables(clinical: Path) -> None:
    """Write free text and days into a column that nobody needs, and into cells of some that are needed."""
    for path in sorted(clinical.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        rows = [[*row, FREE_TEXT] for row in rows]
        for row, (column, cell) in zip(rows[-3:], ODD_CELLS, strict=False):
            if column in header:
                row[header.index(column)] = cell
        if rows:
            key = next(place for place, name in enumerate(header) if name in ("PTID", "SubjectID", "RID"))
            rows.append([NAMED if place == key else cell for place, cell in enumerate(rows[0])])
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([[*header, "COMMENT"], *rows])


def plant_nifti(image: Path) -> None:
    """Put text into an image's header and into a JSON file beside it."""
    volume = nib.load(image)
    data = volume.get_fdata().astype("int16")
    header = volume.header.copy()
    header["descrip"], header["aux_file"], header["db_name"] = f"{WORD} {DAY}", WORD, WORD
    nib.save(nib.Nifti1Image(data, volume.affine, header), image)
    said = PRIVATE | {
        "EchoTime": 0.003,
        "AcquisitionTime": "04:23:19.731",
        "StudyDate": WRITTEN[0],
        "ImageType": [WORD],
        "ContrastBolusAgent": WORD,
    }
    image.with_name(image.name.replace(".nii.gz", ".json")).write_text(json.dumps(said))


def cut(paths: list[Path]) -> None:
    """Truncate one file."""
    paths[3].write_bytes(paths[3].read_bytes()[:-50])


def mix(paths: list[Path]) -> None:
    """Let one file belong to another series and study."""
    image = pydicom.dcmread(paths[0])
    image.SeriesInstanceUID, image.StudyInstanceUID = f"{SERIES_UID}.7", f"{SERIES_UID}.8"
    image.save_as(paths[0])


def garble(paths: list[Path]) -> None:
    """Write text where numbers belong, so that whoever parses it may quote it."""
    for path in paths:
        image = pydicom.dcmread(path)
        for name, vr in (("ImagePositionPatient", "DS"), ("PixelSpacing", "DS"), ("InstanceNumber", "IS")):
            text = WORD.encode()
            image[Tag(name)] = RawDataElement(Tag(name), vr, len(text), text, 0, False, True)
        image.save_as(path)


def scramble(paths: list[Path]) -> None:
    """Claim compressed pixels that no program can decode, so that the converter fails and says why."""
    for path in paths:
        image = pydicom.dcmread(path)
        image.PixelData = pydicom.encaps.encapsulate([b"Wombat pixels " * 40])
        image.file_meta.TransferSyntaxUID = JPEGLosslessSV1
        image["PixelData"].is_undefined_length = True
        image.save_as(path)


def replace(paths: list[Path]) -> None:
    """Put a text file where a DICOM file was."""
    paths[2].write_text(f"{PRIVATE['PatientName']} {DAY}\n" * 50)


DAMAGES = (cut, mix, garble, scramble, replace)


def damage_subjects(folder: Path) -> list[str]:
    """Damage the series of the first subjects below `folder`, each in its own way; return their codes."""
    subjects = sorted(path for path in folder.iterdir() if path.is_dir())[: len(DAMAGES)]
    for damage, subject in zip(DAMAGES, subjects, strict=True):
        damage(sorted(subject.rglob("*.dcm")))
    return [subject.name for subject in subjects]
