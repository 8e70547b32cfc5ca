"""One image as NIfTI, checked from its header before anything works on it."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nibabel as nib
import numpy as np

from ldae.cohort.series.dicom import VolumeFacts
from ldae.cohort.series.faults import BrokenSeries, OtherImage
from ldae.cohort.series.forms import read_orientation
from ldae.cohort.series.geometry import check_geometry
from ldae.errors import is_passing

CHUNK = 1 << 20
ONE_VOLUME = "none if these are no T1-weighted volumes; if they are, like echoes of one scan, make one of them"
MAGNITUDE = "write the magnitude as real numbers"
GREY = "none if this is a picture of a scan; if it is the scan, convert it again from DICOM, in grey"


@dataclass(frozen=True)
class NiftiHeader:
    """What a sound header says: voxels along the three axes, affine (4, 4) in RAS mm, and the latter in words."""

    shape: tuple[int, int, int]
    affine: np.ndarray
    orientation: str


def check_nifti(files: Sequence[Path]) -> VolumeFacts:
    """Check that an image is one complete volume of a head; no message quotes header text.

    Raises
    ------
    BrokenSeries
        There are several files, or the file is truncated, or `read_nifti_header` raises it.
    OtherImage
        As in `read_nifti_header`.
    """
    if len(files) != 1:
        raise BrokenSeries(f"{len(files)} NIfTI files of one image", "keep one")
    path = Path(files[0])
    header = read_nifti_header(path)
    stored = cast(nib.arrayproxy.ArrayProxy, cast(nib.Nifti1Image, nib.load(path)).dataobj)
    expected = int(stored.offset) + math.prod(stored.shape) * stored.dtype.itemsize
    present = _reading(path, _count_bytes)
    if present < expected:
        raise BrokenSeries(f"the file is truncated: {present} of {expected} bytes")
    return VolumeFacts(*header.shape)


def read_nifti_header(path: str | Path) -> NiftiHeader:
    """Read a header and check that it is that of one volume of a head, in real numbers, whose sides are known.

    Further dimensions of one element are as good as none.

    Raises
    ------
    BrokenSeries
        The file is unreadable or empty, or the header contradicts itself (see `forms`).
    OtherImage
        It is 4-D, in colour, complex, or no whole head (see `geometry`).
    """
    path = Path(path)
    header, shape, kind = _reading(path, _load_header)
    if (volumes := math.prod(shape[3:])) > 1:
        raise OtherImage(f"{len(shape)}-D: {volumes} volumes", ONE_VOLUME)
    if kind.fields is not None:
        raise OtherImage("colour (RGB) instead of grey values", GREY)
    if kind.kind == "c":
        raise OtherImage("complex numbers instead of their magnitude", MAGNITUDE)
    orientation = read_orientation(header)
    check_geometry(shape[:3], orientation.affine[:3, :3])
    _reading(path, nib.load)  # sees what else is wrong; it stumbles over a damaged affine
    return NiftiHeader(cast(tuple[int, int, int], shape[:3]), orientation.affine, orientation.words)


def orientation_of(path: str | Path) -> str:
    """Where the voxel axes point and which part of the header says so, like ``RAS (sform)``; of any NIfTI file.

    Raises
    ------
    BrokenSeries
        The file is unreadable, or the header contradicts itself (see `forms`).
    """
    header, _, _ = _reading(Path(path), _load_header)
    return read_orientation(header).words


def _load_header(path: Path) -> tuple[nib.Nifti1Header, tuple[int, ...], np.dtype]:
    """Header as it stands in the file, shape and type of the voxels."""
    kinds = (nib.Nifti1Image, nib.Nifti2Image)
    kind = next((kind for kind in kinds if kind.path_maybe_image(path)[0]), None)
    if kind is None:
        nib.load(path)
        raise BrokenSeries("the file has no NIfTI header", "convert it to NIfTI with an sform")
    with nib.openers.ImageOpener(str(path)) as stream:
        header = kind.header_class.from_fileobj(stream, check=False)
    return header, header.get_data_shape(), header.get_data_dtype()


def _reading(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except BrokenSeries:
        raise
    except (EOFError, zlib.error):
        raise BrokenSeries("the file is truncated") from None
    except Exception as error:  # a damaged file can make the parser raise anything
        if is_passing(error):
            raise
        if path.exists() and not os.access(path, os.R_OK, effective_ids=True):
            raise BrokenSeries(f"{path.name} may not be read", "allow yourself to read it (chmod)") from None
        empty = path.is_file() and not _first_bytes(path)
        fault = "is empty" if empty else f"cannot be read ({type(error).__name__})"
        raise BrokenSeries(f"the file {fault}") from None


def _first_bytes(path: Path) -> bytes:
    """What nibabel looks at, which takes no error of the machine there for one."""
    with path.open("rb") as stream:
        return stream.read(1024)


def _count_bytes(path: Path) -> int:
    """Size of a file's content, decompressed where it is compressed."""
    if path.suffix.lower() != ".gz":
        return path.stat().st_size
    total = 0
    with gzip.open(path) as stream:
        while part := stream.read(CHUNK):
            total += len(part)
    return total
