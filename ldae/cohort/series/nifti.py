"""One image that was downloaded as NIfTI, checked before a converter sees it."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import nibabel as nib

from ldae.cohort.series.dicom import FEWEST_SLICES, PARTIAL, SMALLEST_EXTENT_MM, BrokenSeries, OtherImage, VolumeFacts

CHUNK = 1 << 20


def check_nifti(files: Sequence[Path]) -> VolumeFacts:
    """Check that an image is one complete volume of a head; no message quotes header text.

    Raises
    ------
    BrokenSeries
        There are several files, or the file is unreadable, empty or truncated.
    OtherImage
        It is 4-D, or smaller than a head.
    """
    if len(files) != 1:
        raise BrokenSeries(f"{len(files)} NIfTI files of one image", "keep one")
    path = Path(files[0])
    try:
        image = cast(nib.Nifti1Image, nib.load(path))
        shape, zooms = image.shape, image.header.get_zooms()
        expected = (
            int(cast(nib.arrayproxy.ArrayProxy, image.dataobj).offset)
            + math.prod(shape) * image.get_data_dtype().itemsize
        )
        present = _count_bytes(path)
    except (EOFError, zlib.error):
        raise BrokenSeries(f"{path.name} is truncated") from None
    except Exception as error:  # a damaged file can make the parser raise anything
        empty = path.is_file() and not path.stat().st_size
        fault = "is empty" if empty else f"cannot be read ({type(error).__name__})"
        raise BrokenSeries(f"{path.name} {fault}") from None
    if present < expected:
        raise BrokenSeries(f"{path.name} is truncated: {present} of {expected} bytes")
    if math.prod(shape[3:]) > 1:
        raise OtherImage(f"4-D: {math.prod(shape[3:])} volumes")
    if len(shape) < 3 or min(shape[:3]) < FEWEST_SLICES:
        raise OtherImage(f"{' x '.join(map(str, shape))} voxels only: a localiser, or a part of a volume", PARTIAL)
    extent = [size * float(zoom) for size, zoom in zip(shape[:3], zooms[:3], strict=True)]
    if not min(extent) >= SMALLEST_EXTENT_MM:
        raise OtherImage(f"{' x '.join(f'{size:.0f}' for size in extent)} mm only: no whole head", PARTIAL)
    return VolumeFacts(*shape[:3])


def _count_bytes(path: Path) -> int:
    """Size of a file's content, decompressed where it is compressed."""
    if path.suffix.lower() != ".gz":
        return path.stat().st_size
    total = 0
    with gzip.open(path) as stream:
        while part := stream.read(CHUNK):
            total += len(part)
    return total
