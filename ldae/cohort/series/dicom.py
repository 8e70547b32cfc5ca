"""The headers of one DICOM series, checked before a converter sees it."""

from __future__ import annotations

import logging
import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from ldae.cohort.series.contrast import CONTRAST_ELEMENTS, other_contrast

# pydicom's warnings quote header text.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

SPACING_TOLERANCE = 0.1  # share of the median slice distance
REPEATED_MM = 0.01  # slices closer than this are at the same place
FEWEST_REPEATS = 1.5  # slices per position in a 4-D series whose last volume is cut short
FEWEST_SLICES = 10
SMALLEST_EXTENT_MM = 100.0  # no adult head is smaller along any axis
MAIN_ORIENTATION_SHARE = 0.8  # of a damaged series; a localiser's planes have a third each
GAUSS_PER_TESLA = 10_000
# Nothing else is read of a file: what was never read cannot be quoted.
ELEMENTS = [
    *("SOPInstanceUID", "SeriesInstanceUID", "PatientID", "InstanceNumber", "ImagesInAcquisition", "NumberOfFrames"),
    *("NumberOfTemporalPositions", "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"),
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "MagneticFieldStrength"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "SpecificCharacterSet"),
    *CONTRAST_ELEMENTS,
]
TAGS = [pydicom.tag.Tag(element) for element in ELEMENTS]
AGAIN = "download the image again"
NOT_WANTED = "none: only T1-weighted volumes of the whole head are used"
PARTIAL = "none if this is no whole head; if it is one, download the image again"


class BrokenSeries(Exception):
    """Why an image cannot be converted; `cure` says what to do about it."""

    def __init__(self, reason: str, cure: str = AGAIN) -> None:
        super().__init__(reason)
        self.cure = cure


class OtherImage(BrokenSeries):
    """Why an image, sound as it may be, is not the T1-weighted volume of a head."""

    def __init__(self, reason: str, cure: str = NOT_WANTED) -> None:
        super().__init__(reason, cure)


@dataclass(frozen=True)
class VolumeFacts:
    """What the converted volume must agree with: its sizes in voxels, in any order; the field strength if known."""

    slices: int
    rows: int
    columns: int
    field_strength_t: float | None = None


@dataclass(frozen=True)
class _Slice:
    instance: str
    number: int
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    position: float


def check_series(files: Sequence[Path], ptid: str = "") -> VolumeFacts:
    """Read all headers of a series and check that it makes one complete volume.

    No message quotes header text, which may name people: only file names, names of elements, and numbers.

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
    OtherImage
        It is a localiser, a slab, 4-D, or not T1-weighted.
    """
    if not files:
        raise BrokenSeries("no DICOM file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's quote header text
        return _check(files, ptid)


def _check(files: Sequence[Path], ptid: str) -> VolumeFacts:
    headers = _each(_Header, [Path(path) for path in files])
    first = headers[0]
    if len(series := {header.need("SeriesInstanceUID", str) for header in headers}) > 1:
        raise BrokenSeries(f"{len(series)} series in one folder", "put each series into a folder of its own")
    patient = first.find("PatientID", str, "")
    if ptid and re.fullmatch(r"\d{3}_S_\d{4,5}", patient) and patient != ptid:
        raise BrokenSeries(f"the headers belong to another subject than the folder {ptid}", "ask LONI which is right")
    if fault := other_contrast(first.find):
        raise OtherImage(fault)
    if (times := max(header.find("NumberOfTemporalPositions", int, 1) for header in headers)) > 1:
        raise OtherImage(f"4-D: {times} volumes (NumberOfTemporalPositions)")
    sizes = {(header.need("Rows", int), header.need("Columns", int)) for header in headers}
    if len(sizes) > 1:
        raise BrokenSeries(f"{len(sizes)} image sizes in one folder", "put each series into a folder of its own")
    slices = _frames(first) if len(headers) == 1 and first.frames > 1 else _each(_plane, headers)
    _check_geometry(slices)
    _check_volumes(slices)
    _check_extent(slices, *sizes.pop())
    _check_numbers(slices, first.find("ImagesInAcquisition", int, 0))
    _check_positions(slices)
    tesla = first.find("MagneticFieldStrength", float, 0.0)
    tesla = tesla / GAUSS_PER_TESLA if tesla > 100 else tesla
    return VolumeFacts(len(slices), first.need("Rows", int), first.need("Columns", int), tesla or None)


class _Header:
    """The elements of one file; a complaint names the file and the element, never what stands in it."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            with path.open("rb") as stream:
                self._elements = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=TAGS)
                start = stream.tell()
            left = path.stat().st_size - start
            syntax = self._elements.file_meta.TransferSyntaxUID
            packed = syntax.is_compressed or syntax.is_deflated
        except InvalidDicomError:
            raise BrokenSeries(f"{self.name} is {'not a DICOM file' if path.stat().st_size else 'empty'}") from None
        except EOFError:
            raise BrokenSeries(f"{self.name} is truncated") from None
        except Exception as error:  # a damaged file can make the parser raise anything
            raise BrokenSeries(f"{self.name} cannot be read ({type(error).__name__})") from None
        self.frames = self.find("NumberOfFrames", int, 1)
        if left <= 0:
            raise BrokenSeries(f"{self.name} is truncated: no pixel data")
        if not packed:
            self._check_pixels(left - (8 if syntax.is_implicit_VR else 12))

    def need(self, element: str, convert: Callable) -> Any:
        """The converted element."""
        try:
            value = self._elements.get(element)
            if value is None:
                raise BrokenSeries(f"{self.name} lacks {element}")
            return convert(value)
        except BrokenSeries:
            raise
        except Exception as error:  # as above
            raise BrokenSeries(f"{self.name} has an unreadable {element} ({type(error).__name__})") from None

    def find(self, element: str, convert: Callable, default: Any) -> Any:
        """The converted element, or `default` where it is absent or makes no sense: no scan depends on it."""
        try:
            return self.need(element, convert)
        except BrokenSeries:
            return default

    def _check_pixels(self, present: int) -> None:
        """Compare the bytes of the pixel data with the size that the header gives."""
        values = self.need("Rows", int) * self.need("Columns", int) * self.find("SamplesPerPixel", int, 1)
        expected = values * self.need("BitsAllocated", int) // 8 * self.frames
        if present < expected:
            raise BrokenSeries(f"{self.name} is truncated: {max(present, 0)} of {expected} bytes of pixel data")


def _each(read: Callable, items: Sequence) -> list:
    """`read` of every item; one complaint for all that fail."""
    results, faults = [], []
    for item in items:
        try:
            results.append(read(item))
        except BrokenSeries as fault:
            faults.append(str(fault))
    if faults:
        more = f", and {len(faults) - 1} more of {len(items)} files" if len(faults) > 1 else ""
        raise BrokenSeries(faults[0] + more)
    return results


def _plane(header: _Header) -> _Slice:
    """The slice that an ordinary file holds."""
    orientation = header.need("ImageOrientationPatient", _floats(6))
    return _Slice(
        instance=header.need("SOPInstanceUID", str),
        number=header.need("InstanceNumber", int),
        orientation=orientation,
        spacing=header.need("PixelSpacing", _floats(2)),
        position=_along_normal(orientation, header.need("ImagePositionPatient", _floats(3))),
    )


def _frames(header: _Header) -> list[_Slice]:
    """The slices that an enhanced MR file holds, from its functional groups (PS3.3 C.7.6.16)."""
    shared = header.find("SharedFunctionalGroupsSequence", lambda groups: groups[0], pydicom.Dataset())
    groups = header.need("PerFrameFunctionalGroupsSequence", list)

    def value(group: pydicom.Dataset, sequence: str, element: str, count: int) -> tuple[float, ...]:
        return _floats(count)((group if sequence in group else shared)[sequence][0][element].value)

    def frame(index: int) -> _Slice:
        try:
            group = groups[index]
            orientation = value(group, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
            position = value(group, "PlanePositionSequence", "ImagePositionPatient", 3)
            spacing = value(group, "PixelMeasuresSequence", "PixelSpacing", 2)
        except Exception as error:  # as above
            fault = f"{header.name} has unreadable functional groups ({type(error).__name__})"
            raise BrokenSeries(fault) from None
        return _Slice(str(index), index + 1, orientation, spacing, _along_normal(orientation, position))

    return _each(frame, range(header.frames))


def _floats(count: int) -> Callable:
    def convert(values: Sequence) -> tuple[float, ...]:
        numbers = tuple(round(float(value), 4) for value in values)
        if len(numbers) != count or not np.all(np.isfinite(numbers)):
            raise ValueError
        return numbers

    return convert


def _along_normal(orientation: tuple[float, ...], position: tuple[float, ...]) -> float:
    return float(np.dot(np.cross(orientation[:3], orientation[3:]), position))


def _check_geometry(slices: list[_Slice]) -> None:
    orientations = Counter(tuple(np.round(item.orientation, 2)) for item in slices)
    if len(orientations) > 1 and max(orientations.values()) < MAIN_ORIENTATION_SHARE * len(slices):
        raise OtherImage(f"{len(orientations)} orientations in one folder: a localiser")
    geometries = {tuple(np.round(item.orientation + item.spacing, 2)) for item in slices}
    if len(geometries) > 1:
        raise BrokenSeries(f"{len(geometries)} orientations or pixel spacings in one folder")


def _check_volumes(slices: list[_Slice]) -> None:
    copies = len(slices) - len({item.instance for item in slices})
    if copies:
        raise BrokenSeries(f"{copies} slices are there twice (same SOPInstanceUID)", "remove the copies")
    places = 1 + int(np.sum(_steps(slices) > REPEATED_MM))
    if places > 1 and len(slices) >= FEWEST_REPEATS * places:
        raise OtherImage(f"4-D: {len(slices)} slices at {places} positions")


def _check_extent(slices: list[_Slice], rows: int, columns: int) -> None:
    if len(slices) < FEWEST_SLICES:
        raise OtherImage(f"{len(slices)} slices only: a localiser, or a small part of a series", PARTIAL)
    steps = _steps(slices)
    across = float(np.sum(steps) + np.median(steps))
    extent = (rows * slices[0].spacing[0], columns * slices[0].spacing[1], across)
    if min(extent) < SMALLEST_EXTENT_MM:
        shown = " x ".join(f"{size:.0f}" for size in extent)
        raise OtherImage(f"{shown} mm only: a slab, or a part of a series", PARTIAL)


def _check_numbers(slices: list[_Slice], announced: int) -> None:
    numbers = sorted(item.number for item in slices)
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if len(set(numbers)) < len(numbers):
        raise BrokenSeries(f"{len(numbers) - len(set(numbers))} slices are there twice (same InstanceNumber)")
    if missing:
        raise BrokenSeries(f"{len(missing)} slices missing, first InstanceNumber {missing[0]}")
    if announced > len(slices):
        raise BrokenSeries(f"{len(slices)} of {announced} slices (ImagesInAcquisition)")


def _check_positions(slices: list[_Slice]) -> None:
    steps = _steps(slices)
    median = float(np.median(steps))
    if median <= 0 or np.any(np.abs(steps - median) > SPACING_TOLERANCE * median):
        raise BrokenSeries(
            f"slice distance varies from {steps.min():.2f} to {steps.max():.2f} mm, so slices are missing or doubled"
        )


def _steps(slices: list[_Slice]) -> np.ndarray:
    """Distances between neighbouring slices, in mm."""
    return np.diff(sorted(item.position for item in slices))
