"""A scanner for the phantom's heads: an oblique sagittal acquisition, written as LONI hands out DICOM."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from scipy.spatial.transform import Rotation

FIELD_OF_VIEW_MM = (200.0, 240.0, 210.0)
FIELD_OF_VIEW_CENTER_MM = (0.0, -16.0, 5.0)
ROTATION_SD_DEGREES = 2.5
SHIFT_SD_MM = 2.5
NOISE_SD = {1.5: 0.022, 3.0: 0.015}
BIAS_FIELD_SD = {1.5: 0.06, 3.0: 0.12}
GAIN_LIMITS = (400.0, 1800.0)
LARGEST_VALUE = 4095
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])
SCANNERS = {1.5: ("SIEMENS", "Symphony", 1.5), 3.0: ("SIEMENS", "TrioTim", 2.894)}


@dataclass(frozen=True)
class SeriesHeader:
    """What a series' DICOM headers say; `field_strength_t` in tesla, `age` in years."""

    ptid: str
    sex: str
    age: float
    sequence: str
    field_strength_t: float
    start: datetime
    series_id: int
    image_id: int

    @property
    def folder(self) -> Path:
        """LONI's folder of the series, relative to the download."""
        return Path(self.ptid, loni_name(self.sequence), f"{self.start:%Y-%m-%d_%H_%M_%S}.0", f"I{self.image_id}")

    def file_name(self, instance: int) -> str:
        """LONI's file name of one slice; `instance` counts from 1."""
        return (
            f"ADNI_{self.ptid}_MR_{loni_name(self.sequence)}__br_raw_{self.start:%Y%m%d%H%M%S}{instance:03d}"
            f"_{instance}_S{self.series_id}_I{self.image_id}.dcm"
        )


def loni_name(sequence: str) -> str:
    """Write a sequence as LONI does in folder and file names."""
    return re.sub(r"[ /;*()<>:]", "_", sequence)


def draw_grid(voxel_size_mm: tuple[float, float], rng: np.random.Generator) -> tuple[tuple[int, int, int], np.ndarray]:
    """Draw an oblique scan grid around a head.

    Parameters
    ----------
    voxel_size_mm : tuple of float
        Smallest and largest spacing; slices and the sagittal plane have one each.
    rng : Generator
        The scan's own.

    Returns
    -------
    shape : tuple of int
        Voxels along x (slices), y, z.
    affine : ndarray
        (4, 4), voxel indices to RAS millimetres, tilted a few degrees and a few millimetres off centre.
    """
    slice_mm, plane_mm = np.round(rng.uniform(*voxel_size_mm, 2), 3)
    spacing = np.array([slice_mm, plane_mm, plane_mm])
    shape = np.round(np.array(FIELD_OF_VIEW_MM) / spacing).astype(int)
    degrees = np.clip(rng.normal(0, ROTATION_SD_DEGREES, 3), -6, 6)
    linear = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() * spacing
    center = np.array(FIELD_OF_VIEW_CENTER_MM) + np.clip(rng.normal(0, SHIFT_SD_MM, 3), -5, 5)
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = center - linear @ ((shape - 1) / 2)
    slices, rows, columns = shape.tolist()
    return (slices, rows, columns), affine


def acquire(volume: np.ndarray, field_strength_t: float, rng: np.random.Generator) -> np.ndarray:
    """Turn a clean head into what a scanner stores.

    Parameters
    ----------
    volume : ndarray
        (D, H, W), intensities 0..1.
    field_strength_t : float
        1.5 or 3.0; at 3 T the receive field varies more and the noise is lower.
    rng : Generator
        The scan's own.

    Returns
    -------
    ndarray
        (D, H, W), uint16 up to 4095: a smooth quadratic bias field, Rician noise and an arbitrary gain.
    """
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, size, dtype=np.float32) for size in volume.shape), indexing="ij")
    terms = np.stack([x, y, z, x * y, x * z, y * z, x**2, y**2, z**2])
    log_bias = np.tensordot(rng.normal(size=len(terms)).astype(np.float32), terms, axes=1)
    log_bias -= log_bias.mean()
    signal = volume * np.exp(log_bias * (BIAS_FIELD_SD[field_strength_t] / log_bias.std()))
    real, imaginary = rng.normal(0, NOISE_SD[field_strength_t], (2, *volume.shape))
    magnitude = np.hypot(signal + real, imaginary)
    return np.clip(np.rint(magnitude * rng.uniform(*GAIN_LIMITS)), 0, LARGEST_VALUE).astype(np.uint16)


def write_series(volume: np.ndarray, affine: np.ndarray, header: SeriesHeader, folder: Path) -> None:
    """Write sagittal slices, one DICOM file each.

    Parameters
    ----------
    volume : ndarray
        (D, H, W), uint16 on RAS axes.
    affine : ndarray
        (4, 4), voxel indices to RAS millimetres.
    header : SeriesHeader
        What all slices say.
    folder : Path
        An existing folder.

    Notes
    -----
    Slices run from left to right, rows from superior to inferior, columns from anterior to posterior; positions and
    directions are in DICOM's LPS coordinates (PS3.3 C.7.6.2).
    """
    depth, height, width = volume.shape
    lps = RAS_TO_LPS @ affine[:3]
    spacing = voxel_sizes(affine)
    along_columns, along_rows = -lps[:, 1] / spacing[1], -lps[:, 2] / spacing[2]
    slices = volume[:, ::-1, ::-1].transpose(0, 2, 1)
    dataset = _shared_dataset(header, spacing, slices.shape[1:])
    dataset.ImageOrientationPatient = [f"{value:.9f}" for value in (*along_columns, *along_rows)]
    normal = np.cross(along_columns, along_rows)
    for index in range(depth):
        position = lps @ (index, height - 1, width - 1, 1)
        instance = index + 1
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = _uid(header, "instance", instance)
        dataset.InstanceNumber = instance
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in position]
        dataset.SliceLocation = f"{normal @ position:.6f}"
        dataset.PixelData = slices[index].astype("<u2").tobytes()
        dataset.save_as(folder / header.file_name(instance), enforce_file_format=True)


def _shared_dataset(header: SeriesHeader, spacing: np.ndarray, plane: tuple[int, int]) -> Dataset:
    """Everything that the slices of a series share."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = MRImageStorage
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    dataset.Modality = "MR"
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = f"{header.start:%Y%m%d}"
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = f"{header.start:%H%M%S}"
    dataset.Manufacturer, dataset.ManufacturerModelName, dataset.MagneticFieldStrength = SCANNERS[
        header.field_strength_t
    ]
    dataset.SeriesDescription = dataset.ProtocolName = header.sequence
    dataset.PatientName = dataset.PatientID = header.ptid
    dataset.PatientSex = header.sex[0]
    dataset.PatientAge = f"{int(header.age):03d}Y"
    dataset.PatientPosition = "HFS"
    dataset.BodyPartExamined = "HEAD"
    dataset.ScanningSequence, dataset.SequenceVariant, dataset.ScanOptions = ["GR", "IR"], ["SP", "MP"], "IR"
    dataset.MRAcquisitionType = "3D"
    dataset.SequenceName = "*tfl3d1"
    dataset.RepetitionTime, dataset.EchoTime, dataset.InversionTime = "2300", "2.98", "900"
    dataset.FlipAngle, dataset.EchoTrainLength, dataset.NumberOfAverages = "9", 1, "1"
    dataset.StudyInstanceUID = _uid(header, "study")
    dataset.SeriesInstanceUID = _uid(header, "series")
    dataset.FrameOfReferenceUID = _uid(header, "frame")
    dataset.StudyID, dataset.SeriesNumber, dataset.AcquisitionNumber = "1", 2, 1
    dataset.SliceThickness = f"{spacing[0]:.6f}"
    dataset.PixelSpacing = [f"{spacing[2]:.6f}", f"{spacing[1]:.6f}"]
    dataset.Rows, dataset.Columns = plane
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    return dataset


def _uid(header: SeriesHeader, *parts: object) -> UID:
    return generate_uid(entropy_srcs=[header.ptid, str(header.image_id), f"{header.start}", *map(str, parts)])
