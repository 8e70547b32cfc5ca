"""Recognisable private text in every free header field of a download, in sound and in broken series."""

from __future__ import annotations

import datetime
from pathlib import Path

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
TIME = "042319.731"
SERIES_UID = "1.2.826.0.1.3680043.8.498.93709170423"
SECRETS = (WORD, f"{DAY:%Y%m%d}", f"{DAY:%Y-%m-%d}", "42319", "04:23:19", SERIES_UID[-11:])
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
