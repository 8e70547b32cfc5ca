"""Left, right and the other directions of a converted volume, held against the headers of the series it came from.

Clinica keeps the voxels that dcm2niix wrote, orders them right–anterior–superior, and replaces the affine by the bare
voxel sizes with a centred origin. So a wrong order could not be seen in its output any more. Here the order is derived
a second time, with pydicom and nibabel alone: directions and positions in the headers give the axes of the stack, and
slices spread over it (`SAMPLES`) must be found where those axes say, voxel for voxel but for a linear intensity scale
(`RescaleSlope`). A mirrored or permuted volume has other voxels there, so a few slices decide.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np
import pydicom
from nibabel.orientations import apply_orientation, io_orientation
from pydicom.pixels import pixel_array

from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.nifti import read_nifti_header
from ldae.errors import kind_of

SAMPLES = (0.18, 0.35, 0.5, 0.62, 0.8)  # positions in the stack, not symmetric about its middle
MIN_CORRELATION = 0.999
SPACING_TOLERANCE = 0.02
DIRECTIONS = ("left and right", "front and back", "top and bottom")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
GEOMETRY = [
    *("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "Rows", "Columns", "NumberOfFrames"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]


class WrongOrientation(Exception):
    """How a converted volume differs from its source."""


class Uncheckable(Exception):
    """Why the pixels of a source cannot be read here."""


@dataclass(frozen=True)
class Stack:
    """A source volume as its header describes it.

    Attributes
    ----------
    axes : (3, 3); the columns are the steps of one voxel along the three axes of the stack, in mm, RAS
    shape : voxels along the three axes
    plane : gives the values (i, j) of the slice at one index of the last axis
    """

    axes: np.ndarray
    shape: tuple[int, int, int]
    plane: Callable[[int], np.ndarray]


def dicom_stack(files: list[Path]) -> Stack:
    """Stack of a DICOM series, one file per slice or one file with all frames.

    Raises
    ------
    BrokenSeries
        The geometry of a slice cannot be read.
    """
    planes = _planes_of(files)
    _, _, orientation, _, spacing, size = planes[0]
    normal = np.cross(orientation[:3], orientation[3:])
    planes.sort(key=lambda plane: float(normal @ plane[3]))
    step = (planes[-1][3] - planes[0][3]) / (len(planes) - 1)
    axes = LPS_TO_RAS @ np.stack([orientation[:3] * spacing[1], orientation[3:] * spacing[0], step], axis=1)

    def plane(index: int) -> np.ndarray:
        source, frame = planes[index][:2]
        try:
            return pixel_array(source, index=frame).T
        except (OSError, MemoryError):
            raise
        except Exception as error:  # damaged pixels can make a decoder raise anything
            raise Uncheckable(f"compressed pixels cannot be read ({kind_of(error)})") from None

    return Stack(axes, (size[1], size[0], len(planes)), plane)


def nifti_stack(path: Path) -> Stack:
    """Stack of a three-dimensional NIfTI volume.

    Raises
    ------
    BrokenSeries
        Left and right are unknown, or what else `read_nifti_header` refuses.
    """
    header = read_nifti_header(path)
    voxels = cast(nib.Nifti1Image, nib.load(path)).dataobj
    return Stack(
        header.affine[:3, :3],
        header.shape,
        lambda index: np.asanyarray(voxels[:, :, index]).reshape(header.shape[:2]),
    )


def check_orientation(stack: Stack, volume: np.ndarray, spacing_mm: Sequence[float]) -> None:
    """Check that a converted volume holds the voxels of its source, ordered right–anterior–superior.

    Parameters
    ----------
    stack : the source
    volume : (R, A, S), the converted voxels on any linear scale
    spacing_mm : its voxel sizes

    Raises
    ------
    WrongOrientation
        It is mirrored, permuted, or holds other voxels or voxel sizes.
    Uncheckable
        The source's pixels cannot be decoded.
    """
    affine = np.eye(4)
    affine[:3, :3] = stack.axes
    order = io_orientation(affine)
    target = order[:, 0].astype(int)
    shape, spacing = np.empty(3, int), np.empty(3)
    shape[target], spacing[target] = stack.shape, np.linalg.norm(stack.axes, axis=0)
    expected = []
    for index in sorted({round(share * (stack.shape[2] - 1)) for share in SAMPLES}):
        place = index if order[2, 1] > 0 else stack.shape[2] - 1 - index
        where = (slice(None),) * target[2] + (place,)
        expected.append((where, apply_orientation(stack.plane(index)[:, :, None], order).squeeze(target[2])))
    if not _agrees(volume, tuple(shape), expected):
        raise WrongOrientation(_describe(volume, tuple(shape), expected))
    if not np.allclose(spacing_mm, spacing, rtol=SPACING_TOLERANCE):
        sizes = [" x ".join(f"{size:.2f}" for size in sizes) for sizes in (spacing_mm, spacing)]
        raise WrongOrientation(f"the converted volume has voxels of {sizes[0]} mm, its source {sizes[1]} mm")


def _planes_of(files: list[Path]) -> list[tuple]:
    try:
        return [plane for path in files for plane in _read_planes(path)]
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a damaged header can make the parser raise anything
        raise BrokenSeries(f"the geometry of its slices cannot be read ({kind_of(error)})") from None


def _read_planes(path: Path) -> list[tuple]:
    """File, frame, direction cosines (6), position (mm, LPS), spacing (rows, columns; mm) and size of each slice."""
    header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=GEOMETRY)
    size = (int(header.Rows), int(header.Columns))
    frames = header.get("PerFrameFunctionalGroupsSequence")
    shared = header.get("SharedFunctionalGroupsSequence")
    if frames is None:
        return [(path, 0, *_geometry(header, header, header), size)]
    planes = []
    for index, frame in enumerate(frames):
        groups = [frame, *(shared or [])]
        found = [_group(groups, f"{name}Sequence") for name in ("PlaneOrientation", "PlanePosition", "PixelMeasures")]
        planes.append((path, index, *_geometry(*found), size))
    return planes


def _group(groups: list[pydicom.Dataset], name: str) -> pydicom.Dataset:
    return next(group[name][0] for group in groups if name in group)


def _geometry(orientation: pydicom.Dataset, position: pydicom.Dataset, measures: pydicom.Dataset) -> tuple:
    values = (orientation.ImageOrientationPatient, position.ImagePositionPatient, measures.PixelSpacing)
    return tuple(np.array([float(number) for number in value]) for value in values)


def _agrees(volume: np.ndarray, shape: tuple[int, ...], expected: list[tuple[tuple, np.ndarray]]) -> bool:
    """Whether the volume has this shape and, at each place, the expected slice; blank slices decide nothing."""
    varied = [(where, plane) for where, plane in expected if plane.min() < plane.max()]
    return volume.shape == shape and bool(varied) and all(_same(volume[where], plane) for where, plane in varied)


def _same(found: np.ndarray, plane: np.ndarray) -> bool:
    return bool(found.min() < found.max()) and np.corrcoef(found.ravel(), plane.ravel())[0, 1] >= MIN_CORRELATION


def _describe(volume: np.ndarray, shape: tuple[int, ...], expected: list[tuple[tuple, np.ndarray]]) -> str:
    """What was done to the volume, found by undoing each of the 48 ways to mirror and permute it."""
    for permutation in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            candidate = volume.transpose(permutation)[tuple(slice(None, None, flip) for flip in flips)]
            if _agrees(candidate, shape, expected):
                swapped = [f"{name} swapped" for name, flip in zip(DIRECTIONS, flips, strict=True) if flip < 0]
                permuted = ["its axes permuted"] if permutation != (0, 1, 2) else []
                return f"the converted volume has {', '.join(permuted + swapped)}"
    return "the converted volume does not hold the voxels of its source"
