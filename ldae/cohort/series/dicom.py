"""The headers of one DICOM series, checked before a converter sees it."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from ldae.cohort.series.contrast import CONTRAST_ELEMENTS, other_contrast
from ldae.cohort.series.faults import BrokenSeries, OtherImage
from ldae.cohort.series.slices import Slice, check_slices
from ldae.errors import is_passing

# pydicom's warnings quote header text.
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

GAUSS_PER_TESLA = 10_000
# Nothing else is read of a file: what was never read cannot be quoted.
ELEMENTS = [
    *("SOPInstanceUID", "SeriesInstanceUID", "PatientID", "InstanceNumber", "ImagesInAcquisition", "NumberOfFrames"),
    *("NumberOfTemporalPositions", "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"),
    *("SliceThickness", "SpacingBetweenSlices"),
    *("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "MagneticFieldStrength"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "SpecificCharacterSet"),
    *CONTRAST_ELEMENTS,
]
TAGS = [pydicom.tag.Tag(element) for element in ELEMENTS]


@dataclass(frozen=True)
class VolumeFacts:
    """What the converted volume must agree with: its sizes in voxels, in any order; the field strength if known."""

    slices: int
    rows: int
    columns: int
    field_strength_t: float | None = None


def check_series(files: Sequence[Path], ptid: str = "") -> VolumeFacts:
    """Read all headers of a series and check that it makes one complete volume.

    No message quotes header text or the name of a file, which may name people: only names of elements, and numbers.

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
    named = [(Path(path), f"file {number} of {len(files)}") for number, path in enumerate(files, 1)]
    headers = _each(lambda item: _Header(*item), named)
    first = headers[0]
    if len(series := {header.need("SeriesInstanceUID", str) for header in headers}) > 1:
        raise BrokenSeries(f"{len(series)} series in one folder", "put each series into a folder of its own")
    patient = first.find("PatientID", str, "")
    if ptid and re.fullmatch(r"\d{3}_S_\d{4,5}", patient) and patient != ptid:
        raise BrokenSeries(f"the headers belong to another subject than the folder {ptid}", "ask LONI which is right")
    if fault := other_contrast(first.find):
        raise OtherImage(fault)
    if first.find("SamplesPerPixel", int, 1) > 1:
        raise OtherImage("colour (SamplesPerPixel) instead of grey values: a picture of a scan")
    if (times := max(header.find("NumberOfTemporalPositions", int, 1) for header in headers)) > 1:
        raise OtherImage(f"4-D: {times} volumes (NumberOfTemporalPositions)")
    sizes = {(header.need("Rows", int), header.need("Columns", int)) for header in headers}
    if len(sizes) > 1:
        raise BrokenSeries(f"{len(sizes)} image sizes in one folder", "put each series into a folder of its own")
    slices = _frames(first) if len(headers) == 1 and first.frames > 1 else _each(_plane, headers)
    thickness = max(first.find(name, float, 0.0) for name in ("SliceThickness", "SpacingBetweenSlices"))
    check_slices(slices, *sizes.pop(), announced=first.find("ImagesInAcquisition", int, 0), thickness_mm=thickness)
    tesla = first.find("MagneticFieldStrength", float, 0.0)
    tesla = tesla / GAUSS_PER_TESLA if tesla > 100 else tesla
    return VolumeFacts(len(slices), first.need("Rows", int), first.need("Columns", int), tesla or None)


class _Header:
    """The elements of one file; a complaint names the element and `name`, never what stands in it."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
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
        except PermissionError:
            raise BrokenSeries(f"{self.name} may not be read", "allow yourself to read it (chmod)") from None
        except Exception as error:  # a damaged file can make the parser raise anything
            if is_passing(error):
                raise
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
            if is_passing(error):
                raise
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
            faults.append(fault)
    if faults:
        more = f", and {len(faults) - 1} more of {len(items)} files" if len(faults) > 1 else ""
        raise BrokenSeries(f"{faults[0]}{more}", faults[0].cure)
    return results


def _plane(header: _Header) -> Slice:
    """The slice that an ordinary file holds."""
    orientation = header.need("ImageOrientationPatient", _floats(6))
    return Slice(
        instance=header.need("SOPInstanceUID", str),
        number=header.find("InstanceNumber", int, None),
        orientation=orientation,
        spacing=header.need("PixelSpacing", _floats(2)),
        position=header.need("ImagePositionPatient", _floats(3)),
    )


def _frames(header: _Header) -> list[Slice]:
    """The slices that an enhanced MR file holds, from its functional groups (PS3.3 C.7.6.16)."""
    shared = header.find("SharedFunctionalGroupsSequence", lambda groups: groups[0], pydicom.Dataset())
    groups = header.need("PerFrameFunctionalGroupsSequence", list)

    def value(group: pydicom.Dataset, sequence: str, element: str, count: int) -> tuple[float, ...]:
        return _floats(count)((group if sequence in group else shared)[sequence][0][element].value)

    def frame(index: int) -> Slice:
        try:
            group = groups[index]
            orientation = value(group, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
            position = value(group, "PlanePositionSequence", "ImagePositionPatient", 3)
            spacing = value(group, "PixelMeasuresSequence", "PixelSpacing", 2)
        except Exception as error:  # as above
            if is_passing(error):
                raise
            fault = f"{header.name} has unreadable functional groups ({type(error).__name__})"
            raise BrokenSeries(fault) from None
        return Slice(str(index), index + 1, orientation, spacing, position)

    return _each(frame, range(header.frames))


def _floats(count: int) -> Callable:
    def convert(values: Sequence) -> tuple[float, ...]:
        numbers = tuple(round(float(value), 4) for value in values)
        if len(numbers) != count or not np.all(np.isfinite(numbers)):
            raise ValueError
        return numbers

    return convert
