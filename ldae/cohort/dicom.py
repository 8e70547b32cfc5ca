"""The headers of one DICOM series, checked before a converter sees it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

SPACING_TOLERANCE = 0.1  # share of the median slice distance


class BrokenSeries(Exception):
    """Why a series cannot be converted."""


@dataclass(frozen=True)
class Series:
    """What the converted volume must agree with: its sizes in voxels, in any order."""

    slices: int
    rows: int
    columns: int


@dataclass(frozen=True)
class _Slice:
    name: str
    series: str
    patient: str
    number: int
    frames: int
    announced: int
    size: tuple[int, int]
    geometry: tuple[float, ...]
    position: float


def check_series(files: Sequence[Path], ptid: str = "") -> Series:
    """Read all headers of a series and check that it makes one complete volume.

    Parameters
    ----------
    files
        All DICOM files of the image.
    ptid
        The subject code that the download's folder gives.

    Raises
    ------
    BrokenSeries
        A file is unreadable or truncated, slices are missing, doubled or unevenly spaced, several series are mixed,
        or the headers name another subject.
    """
    if not files:
        raise BrokenSeries("no DICOM file")
    slices = [_read_slice(Path(path)) for path in files]
    _expect_one(slices, "series", "series")
    _expect_one(slices, "size", "image sizes")
    patient = slices[0].patient
    if ptid and re.fullmatch(r"\d{3}_S_\d{4,5}", patient) and patient != ptid:
        raise BrokenSeries(f"the headers belong to another subject than the folder {ptid}")
    rows, columns = slices[0].size
    if len(slices) == 1 and slices[0].frames > 1:
        return Series(slices[0].frames, rows, columns)
    _expect_one(slices, "geometry", "orientations or pixel spacings")
    _check_numbers(slices)
    _check_positions(slices)
    return Series(len(slices), rows, columns)


def _read_slice(path: Path) -> _Slice:
    try:
        with path.open("rb") as stream:
            header = pydicom.dcmread(stream, stop_before_pixels=True)
            _check_pixels(header, path, stream.tell())
        orientation = np.array([float(value) for value in header.ImageOrientationPatient])
        normal = np.cross(orientation[:3], orientation[3:])
        return _Slice(
            name=path.name,
            series=str(header.SeriesInstanceUID),
            patient=str(header.get("PatientID", "")),
            number=int(header.InstanceNumber),
            frames=int(header.get("NumberOfFrames") or 1),
            announced=int(header.get("ImagesInAcquisition") or 0),
            size=(int(header.Rows), int(header.Columns)),
            geometry=tuple(np.round([*orientation, *map(float, header.PixelSpacing)], 3).tolist()),
            position=float(np.dot(normal, [float(value) for value in header.ImagePositionPatient])),
        )
    except InvalidDicomError:
        raise BrokenSeries(f"{path.name} is not a DICOM file") from None
    except EOFError:
        raise BrokenSeries(f"{path.name} is truncated") from None
    except (AttributeError, TypeError, ValueError, IndexError, OSError) as error:
        raise BrokenSeries(
            f"{path.name} has an unreadable header ({type(error).__name__}: {str(error):.120})"
        ) from None


def _check_pixels(header: pydicom.Dataset, path: Path, start: int) -> None:
    """Compare what follows `start`, the position of the pixel element, with the size that the header gives."""
    syntax = header.file_meta.TransferSyntaxUID
    left = path.stat().st_size - start
    if left <= 0:
        raise BrokenSeries(f"{path.name} is truncated: no pixel data")
    if syntax.is_compressed:
        return
    expected = header.Rows * header.Columns * header.get("SamplesPerPixel", 1) * header.BitsAllocated // 8
    expected *= int(header.get("NumberOfFrames") or 1)
    present = max(left - (8 if syntax.is_implicit_VR else 12), 0)
    if present < expected:
        raise BrokenSeries(f"{path.name} is truncated: {present} of {expected} bytes of pixel data")


def _expect_one(slices: list[_Slice], attribute: str, name: str) -> None:
    values = {getattr(item, attribute) for item in slices}
    if len(values) > 1:
        raise BrokenSeries(f"{len(values)} {name} in one folder")


def _check_numbers(slices: list[_Slice]) -> None:
    numbers = sorted(item.number for item in slices)
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if len(set(numbers)) < len(numbers):
        raise BrokenSeries(f"{len(numbers) - len(set(numbers))} slices are there twice (same InstanceNumber)")
    if missing:
        raise BrokenSeries(f"{len(missing)} slices missing, first InstanceNumber {missing[0]}")
    announced = slices[0].announced
    if announced > len(slices):
        raise BrokenSeries(f"{len(slices)} of {announced} slices (ImagesInAcquisition)")


def _check_positions(slices: list[_Slice]) -> None:
    if len(slices) < 2:
        raise BrokenSeries("one slice only")
    steps = np.diff(sorted(item.position for item in slices))
    median = float(np.median(steps))
    if median <= 0 or np.any(np.abs(steps - median) > SPACING_TOLERANCE * median):
        raise BrokenSeries(
            f"slice distance varies from {steps.min():.2f} to {steps.max():.2f} mm, so slices are missing or doubled"
        )
