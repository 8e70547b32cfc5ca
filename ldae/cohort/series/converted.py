"""One volume as Clinica leaves it: checked against its source, its header's text blanked."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import cast

import nibabel as nib
import numpy as np

from ldae.cohort.series.orientation import Stack, Uncheckable, WrongOrientation, check_orientation
from ldae.errors import is_passing
from ldae.files import atomic_path

TEXT_FIELDS = ("descrip", "aux_file", "intent_name", "db_name", "data_type")
HEADER_BYTES, DATA_OFFSET = 348, 352


class RefusedVolume(Exception):
    """Why a converted volume is not kept."""


def accept_volume(folder: Path, name: str, stack: Stack) -> str:
    """Check that a folder holds exactly one volume, that of its source, and blank the text in its header.

    Parameters
    ----------
    folder : the session's `anat` folder
    name : the compressed NIfTI file that it must hold
    stack : the source

    Returns
    -------
    ``checked``, or why the directions could not be checked

    Raises
    ------
    RefusedVolume
        It holds another number of images, or one that is unreadable, of another size, mirrored or permuted.
    """
    images = sorted(path.name for path in folder.glob("*.nii*"))
    if images != [name]:
        raise RefusedVolume(f"expected {name} alone, found {', '.join(images) or 'nothing'}")
    try:
        content = gzip.decompress((folder / name).read_bytes())
        image = nib.Nifti1Image.from_bytes(content)
        stored = cast(nib.arrayproxy.ArrayProxy, image.dataobj)
        voxels = np.asanyarray(stored.get_unscaled()).reshape(image.shape[:3], order="F")
    except (OSError, EOFError, ValueError, zlib.error, nib.filebasedimages.ImageFileError) as error:
        if is_passing(error):
            raise
        raise RefusedVolume(f"the converted image cannot be read ({type(error).__name__})") from None
    if sorted(voxels.shape) != sorted(stack.shape):
        sizes = [" x ".join(map(str, shape)) for shape in (voxels.shape, stack.shape)]
        raise RefusedVolume(f"the converted image has {sizes[0]} voxels, the series {sizes[1]}")
    if nib.aff2axcodes(image.affine) != ("R", "A", "S"):
        raise RefusedVolume("the converted image is not ordered right-anterior-superior")
    try:
        check_orientation(stack, voxels, image.header.get_zooms()[:3])
        orientation = "checked"
    except WrongOrientation as error:
        raise RefusedVolume(str(error)) from None
    except Uncheckable as error:
        orientation = f"not checked: {error}"
    blank_text(folder / name, content)
    return orientation


def blank_text(path: Path, content: bytes) -> None:
    """Write an uncompressed NIfTI-1 `content` to `path` without header text and extensions; no voxel bit changes.

    dcm2niix writes the scan's time of day into `descrip` and the DICOM's ImageComments into `aux_file`
    (rordenlab/dcm2niix issues 128 and 557), and Clinica keeps both. The same content gives the same file at any time.
    """
    header = nib.Nifti1Header(content[:HEADER_BYTES], check=False)
    voxels = content[int(header["vox_offset"]) :]
    for field in TEXT_FIELDS:
        header[field] = b""
    header["vox_offset"] = DATA_OFFSET
    no_extension = bytes(DATA_OFFSET - HEADER_BYTES)
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(header.binaryblock + no_extension + voxels, 1, mtime=0))
