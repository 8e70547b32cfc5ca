"""The slices of one series: one plane, one volume, one step from each to the next."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ldae.cohort.series.faults import PARTIAL, BrokenSeries, OtherImage
from ldae.cohort.series.geometry import FEWEST_VOXELS, check_geometry

SPACING_TOLERANCE = 0.1  # share of the median slice distance
REPEATED_MM = 0.01  # slices closer than this are at the same place
FEWEST_REPEATS = 1.5  # slices per position in a 4-D series whose last volume is cut short
SKIPPED = 1.5  # slice distances over the thickness where every second slice is gone
OFF_LINE_MM = 0.5
UNIT_TOLERANCE = 0.01  # of the length of a direction
MAIN_ORIENTATION_SHARE = 0.8  # of a damaged series; a localiser's planes have a third each


@dataclass(frozen=True)
class Slice:
    """One slice as its header describes it; mm, LPS, as DICOM has them."""

    instance: str
    number: int | None
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    position: tuple[float, ...]

    @property
    def height(self) -> float:
        """Where the slice lies along its normal, in mm."""
        return float(np.dot(np.cross(self.orientation[:3], self.orientation[3:]), self.position))


def check_slices(slices: list[Slice], rows: int, columns: int, *, announced: int, thickness_mm: float) -> None:
    """Check that slices make one complete volume of a head.

    Parameters
    ----------
    slices
        In any order.
    rows, columns
        Size of each in voxels.
    announced
        ImagesInAcquisition; 0 where absent.
    thickness_mm
        The larger of SliceThickness and SpacingBetweenSlices; 0 where absent.

    Raises
    ------
    BrokenSeries
        Slices are missing, doubled, unevenly spaced or shifted.
    OtherImage
        A localiser, a slab, or 4-D.
    """
    _check_one_plane(slices)
    _check_volumes(slices)
    _check_positions(slices)
    check_geometry((rows, columns, len(slices)), _axes(slices))
    _check_numbers(slices, announced, thickness_mm)


def _check_one_plane(slices: list[Slice]) -> None:
    orientations = Counter(tuple(np.round(item.orientation, 2)) for item in slices)
    if len(orientations) > 1 and max(orientations.values()) < MAIN_ORIENTATION_SHARE * len(slices):
        raise OtherImage(f"{len(orientations)} orientations in one folder: a localiser")
    directions = np.reshape(slices[0].orientation, (2, 3))
    if np.abs(np.linalg.norm(directions, axis=1) - 1).max() > UNIT_TOLERANCE:
        raise BrokenSeries("ImageOrientationPatient holds no directions of length 1")
    geometries = {tuple(np.round(item.orientation + item.spacing, 2)) for item in slices}
    if len(geometries) > 1:
        raise BrokenSeries(f"{len(geometries)} orientations or pixel spacings in one folder")


def _check_volumes(slices: list[Slice]) -> None:
    copies = len(slices) - len({item.instance for item in slices})
    if copies:
        raise BrokenSeries(f"{copies} slices are there twice (same SOPInstanceUID)", "remove the copies")
    places = 1 + int(np.sum(_steps(slices) > REPEATED_MM))
    if places > 1 and len(slices) >= FEWEST_REPEATS * places:
        raise OtherImage(f"4-D: {len(slices)} slices at {places} positions")


def _check_positions(slices: list[Slice]) -> None:
    """Neighbouring slices must be one step apart, all the same; their numbers play no part."""
    if len(slices) < FEWEST_VOXELS:
        raise OtherImage(f"{len(slices)} slices only: a localiser, or a small part of a series", PARTIAL)
    steps = _steps(slices)
    median = float(np.median(steps))
    repeated = int(np.sum(steps <= REPEATED_MM))
    if repeated:
        raise BrokenSeries(f"{repeated} slices lie in the place of another", "remove them, or download the image again")
    gaps = steps / median
    missing = int(np.sum(np.rint(gaps) - 1))
    if missing > 0 and np.all(np.abs(gaps - np.rint(gaps)) <= SPACING_TOLERANCE):
        widest = f"they lie {median:.2f} mm apart, with a gap of {steps.max():.2f} mm"
        raise BrokenSeries(f"{missing} slices missing by their positions: {widest}")
    if np.any(np.abs(gaps - 1) > SPACING_TOLERANCE):
        raise BrokenSeries(f"slice distance varies from {steps.min():.2f} to {steps.max():.2f} mm")
    places = _places(slices)
    share = np.append(0, np.cumsum(steps)) / np.sum(steps)
    aside = np.linalg.norm(places - (places[0] + share[:, None] * (places[-1] - places[0])), axis=1).max()
    if aside > OFF_LINE_MM:
        raise BrokenSeries(f"slices lie up to {aside:.2f} mm beside the line from the first to the last")


def _check_numbers(slices: list[Slice], announced: int, thickness: float) -> None:
    """What positions cannot tell: slices gone at an end, or every second one.

    Numbers alone prove nothing: complete series are numbered 1, 3, 5, or from anywhere, or not at all, and announce
    twice their slices. So two witnesses are asked for. Every second slice is gone if the numbers skip and the slices
    lie further apart than they are thick; slices are gone at an end if the numbers follow each other evenly and
    ImagesInAcquisition has more, but no multiple. What neither shows, quality control does where it cuts the brain.
    """
    numbers = sorted({item.number for item in slices if item.number is not None})
    if len(numbers) < len(slices):
        return
    stride = math.gcd(*np.diff(numbers).tolist())
    if numbers[-1] - numbers[0] != stride * (len(numbers) - 1):
        return
    distance = float(np.median(_steps(slices)))
    if stride > 1 and 0 < thickness * SKIPPED <= distance:
        raise BrokenSeries(
            f"every second slice or more is missing: InstanceNumber goes up by {stride}, and slices of "
            f"{thickness:.2f} mm lie {distance:.2f} mm apart"
        )
    if math.ceil(announced / stride) > len(slices) and announced % len(slices):
        raise BrokenSeries(
            f"{len(slices)} of {announced} slices (ImagesInAcquisition), and InstanceNumber has no gap from "
            f"{numbers[0]} to {numbers[-1]}: slices are missing at an end"
        )


def _axes(slices: list[Slice]) -> np.ndarray:
    """(3, 3); the columns are the steps from row to row, from column to column and from slice to slice, in mm."""
    places, first = _places(slices), slices[0]
    across = (places[-1] - places[0]) / (len(places) - 1)
    rows, columns = np.array(first.orientation[3:]), np.array(first.orientation[:3])
    return np.stack([rows * first.spacing[0], columns * first.spacing[1], across], axis=1)


def _places(slices: list[Slice]) -> np.ndarray:
    """(slices, 3); positions in mm, in order."""
    return np.array([item.position for item in sorted(slices, key=lambda item: item.height)])


def _steps(slices: list[Slice]) -> np.ndarray:
    """Distances between neighbouring slices along their normal, in mm."""
    return np.diff(sorted(item.height for item in slices))
