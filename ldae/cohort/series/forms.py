"""Where the voxels of a NIfTI file lie: its sform, its qform and its voxel sizes, held against each other.

Programs differ in which of the three they believe, so a header in which they contradict each other means another scan
to each of them. The codes of the two forms name the space they lead to (NIfTI-1, ``nifti1.h``): two forms of one code
are to agree; of an ``aligned`` sform and a ``scanner`` qform one may be turned and shifted (SPM writes such after
coregistration); a sform that leads to a template also stretches, and there the qform describes the scan itself.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.geometry import MAX_SHEAR, check_axes, millimetres

TEMPLATE_CODES = (3, 4, 5)  # Talairach, MNI152, another template
SIZE_TOLERANCE = 0.005  # 0.94 for 0.9375 mm is rounding; 1 % off in each axis is 3 % of every volume
SAME_PLACE_MM = 3.0
LARGEST_TURN = 0.5  # cosine: an axis of one form may be up to 60 degrees from that of the other
NAMED_TURN_DEGREES = 1.0
BOTH = "convert the scan again, or write the right one into both (nibabel: set_sform, set_qform)"
UNKNOWN = "download the original DICOM series, or write the known orientation into the header"


@dataclass(frozen=True)
class Orientation:
    """Affine (4, 4) from voxels to RAS millimetres of the scan itself, and in words where it points and who says so."""

    affine: np.ndarray
    words: str


def read_orientation(header: nib.Nifti1Header) -> Orientation:
    """The affine that a header means.

    Parameters
    ----------
    header
        As it stands in the file: nibabel's own repairs hide voxel sizes of zero.

    Raises
    ------
    BrokenSeries
        No form is set, one cannot be used, or sform, qform and voxel sizes contradict each other by more than rounding.
    """
    sform = header.get_sform() if header["sform_code"] != 0 else None
    qform = _qform(header) if header["qform_code"] != 0 else None
    if sform is None and qform is None:
        raise BrokenSeries("neither sform nor qform is set (codes 0): left and right are unknown", UNKNOWN)
    if sform is None:
        assert qform is not None
        return _described(qform, "qform")
    spacing = check_axes(sform[:3, :3], "the sform")
    if not np.isfinite(sform).all():
        raise BrokenSeries("the sform holds values that are not finite", BOTH)
    degrees = 0.0 if qform is None else _turn(sform, qform)
    sizes, axes = np.abs(header["pixdim"][1:4]), sform[:3, :3] / spacing
    resized = not np.allclose(spacing, sizes, rtol=SIZE_TOLERANCE, atol=0)
    sheared = np.abs(axes.T @ axes - np.eye(3)).max() > MAX_SHEAR
    if (resized or sheared) and qform is not None and header["sform_code"] in TEMPLATE_CODES:
        return _described(qform, "qform; the sform leads to a template")
    if resized:
        found = f"voxels of {millimetres(sizes)} by pixdim{' and qform' * (qform is not None)}"
        raise BrokenSeries(f"the header contradicts itself: {found}, {millimetres(spacing)} by the sform", BOTH)
    if qform is not None and header["sform_code"] == header["qform_code"]:
        _check_place(header, sform, qform, degrees)
    turned = f"; the qform is turned by {degrees:.0f} degrees" if degrees > NAMED_TURN_DEGREES else ""
    return _described(sform, f"sform{turned}")


def _qform(header: nib.Nifti1Header) -> np.ndarray:
    sizes = np.abs(header["pixdim"][1:4])
    if not (np.isfinite(sizes).all() and sizes.min() > 0):
        raise BrokenSeries(f"the qform is set, with voxels of {millimetres(sizes)} (pixdim)", BOTH)
    try:
        turn = nib.quaternions.quat2mat(header.get_qform_quaternion())
    except (ValueError, HeaderDataError, np.linalg.LinAlgError):
        raise BrokenSeries("the qform's quaternion is none: its squares add up to more than 1", BOTH) from None
    affine = np.eye(4)
    affine[:3, :3] = turn * sizes * (1, 1, -1 if header["pixdim"][0] < 0 else 1)
    affine[:3, 3] = [header[f"qoffset_{axis}"] for axis in "xyz"]
    if not np.isfinite(affine).all():
        raise BrokenSeries("the qform holds values that are not finite", BOTH)
    return affine


def _turn(sform: np.ndarray, qform: np.ndarray) -> float:
    """Largest angle in degrees between the same axis of two forms."""
    units = [form[:3, :3] / np.linalg.norm(form[:3, :3], axis=0) for form in (sform, qform)]
    cosine = np.clip((units[0] * units[1]).sum(0), -1, 1).min()
    degrees = float(np.degrees(np.arccos(cosine)))
    if cosine < LARGEST_TURN:
        said = [f"{name} {''.join(nib.aff2axcodes(form))}" for name, form in (("sform", sform), ("qform", qform))]
        fault = f"the header contradicts itself about the axes: {' and '.join(said)}, {degrees:.0f} degrees apart"
        raise BrokenSeries(fault, BOTH)
    return degrees


def _check_place(header: nib.Nifti1Header, sform: np.ndarray, qform: np.ndarray, degrees: float) -> None:
    """Two forms that lead to the same space must put the corners of the image to the same places."""
    shape = (*header.get_data_shape(), 1, 1, 1)[:3]
    corners = np.array(list(itertools.product(*((0, size - 1) for size in shape))))
    places = [nib.affines.apply_affine(form, corners) for form in (sform, qform)]
    apart = np.linalg.norm(places[0] - places[1], axis=1).max()
    if apart > SAME_PLACE_MM:
        first = [f"({', '.join(f'{value:.1f}' for value in place[0])}) mm" for place in places]
        fault = (
            f"the header contradicts itself: sform and qform, both of code {int(header['sform_code'])}, are "
            f"{degrees:.1f} degrees and up to {apart:.0f} mm apart; the first voxel is at {first[0]} by the sform, "
            f"at {first[1]} by the qform"
        )
        raise BrokenSeries(fault, BOTH)


def _described(affine: np.ndarray, name: str) -> Orientation:
    return Orientation(affine, f"{''.join(nib.aff2axcodes(affine))} ({name})")
