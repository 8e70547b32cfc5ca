"""The right volume passes, every mirrored or permuted one is caught, whatever the series looks like."""

import itertools
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, JPEG2000Lossless

from ldae.cohort.series.orientation import Uncheckable, WrongOrientation, check_orientation, dicom_stack
from tests.adni_download import COLUMN_MM, ROW_MM, STEP_MM, edit_series, write_series

# Directions of rows and columns and of the slices, LPS, and how the stack (column, row, slice) becomes (R, A, S):
# the axis of the stack behind each and whether it runs the other way.
PLANES = {
    "sagittal": ([0, 1, 0], [0, 0, -1], [1, 0, 0], (2, 0, 1), (True, True, True)),
    "axial": ([1, 0, 0], [0, 1, 0], [0, 0, 1], (0, 1, 2), (True, True, False)),
    "coronal": ([1, 0, 0], [0, 0, -1], [0, 1, 0], (0, 2, 1), (True, True, True)),
}
TILT = np.array([[0.97, -0.2, 0.14], [0.21, 0.975, -0.06], [-0.12, 0.09, 0.99]])


def series(tmp_path, plane="sagittal", tilt=None, reverse=False):
    """A series in a plane, and its volume in the order right–anterior–superior with its voxel sizes."""
    files = write_series(tmp_path, "011_S_0021", 1)
    row, column, normal, axes, mirrored = PLANES[plane]
    turn = np.linalg.qr(TILT)[0] * np.sign(np.diag(np.linalg.qr(TILT)[1])) if tilt else np.eye(3)
    for number, path in enumerate(files):
        image = pydicom.dcmread(path)
        image.ImageOrientationPatient = [float(value) for value in (*(turn @ row), *(turn @ column))]
        place = len(files) - 1 - number if reverse else number
        image.ImagePositionPatient = [float(value) for value in turn @ normal * place * STEP_MM]
        image.save_as(path)
    pixels = [pydicom.dcmread(path).pixel_array.T for path in (files[::-1] if reverse else files)]
    volume = np.stack(pixels, axis=2).transpose(axes)
    volume = volume[tuple(slice(None, None, -1 if flip else 1) for flip in mirrored)]
    return files, volume, np.array([COLUMN_MM, ROW_MM, STEP_MM])[list(axes)]


def wrong_ways():
    for axes in itertools.permutations(range(3)):
        for flips in itertools.product((1, -1), repeat=3):
            if (axes, flips) != ((0, 1, 2), (1, 1, 1)):
                yield axes, flips


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("tilt", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_right_volume_passes_and_all_47_wrong_ones_do_not(tmp_path, plane, tilt, reverse):
    files, volume, spacing = series(tmp_path, plane, tilt, reverse)
    stack = dicom_stack([files[index] for index in np.random.default_rng(0).permutation(len(files))])
    check_orientation(stack, volume, spacing)
    for axes, flips in wrong_ways():
        wrong = volume.transpose(axes)[tuple(slice(None, None, flip) for flip in flips)]
        with pytest.raises(WrongOrientation):
            check_orientation(stack, wrong, spacing[list(axes)])


def test_the_fault_is_named(tmp_path):
    files, volume, spacing = series(tmp_path)
    stack = dicom_stack(files)
    for wrong, fault in [
        (volume[::-1], "left and right swapped"),
        (volume[:, ::-1], "front and back swapped"),
        (volume[:, :, ::-1], "top and bottom swapped"),
        (volume.transpose(1, 0, 2), "axes permuted"),
        (np.roll(volume, 1, axis=0), "does not hold the voxels"),
        (np.zeros_like(volume), "does not hold the voxels"),
    ]:
        with pytest.raises(WrongOrientation, match=fault):
            check_orientation(stack, wrong, spacing)


@pytest.mark.parametrize(
    "scale", [(1, 1, 1.05), (0.95, 1, 1), (COLUMN_MM / STEP_MM, ROW_MM / COLUMN_MM, STEP_MM / ROW_MM)]
)
def test_other_voxel_sizes_are_caught(tmp_path, scale):
    files, volume, spacing = series(tmp_path)
    with pytest.raises(WrongOrientation, match="voxels of"):
        check_orientation(dicom_stack(files), volume, spacing * scale)
    check_orientation(dicom_stack(files), volume, spacing * 1.01)


def test_a_smooth_volume_that_is_off_by_one_voxel_is_caught(tmp_path):
    files, _, spacing = series(tmp_path)
    grids = np.meshgrid(*(np.linspace(0, 3, size) for size in dicom_stack(files).shape), indexing="ij")
    smooth = (1000 * (1.5 + np.sin(grids[0] + 0.3) * np.cos(grids[1]) * np.sin(0.5 + grids[2]))).astype(np.int16)
    stack = replace(dicom_stack(files), plane=lambda index: smooth[:, :, index])
    volume = smooth.transpose(2, 0, 1)[::-1, ::-1, ::-1]
    check_orientation(stack, volume, spacing)
    with pytest.raises(WrongOrientation, match="does not hold the voxels"):
        check_orientation(stack, np.roll(volume, 1, axis=1), spacing)


def test_a_part_of_another_volume_is_caught(tmp_path):
    files, volume, spacing = series(tmp_path)
    mixed = volume.copy()
    mixed[: len(mixed) // 3] = mixed[: len(mixed) // 3, ::-1]
    with pytest.raises(WrongOrientation, match="does not hold the voxels"):
        check_orientation(dicom_stack(files), mixed, spacing)


def test_a_linear_intensity_scale_does_not_matter(tmp_path):
    files, volume, spacing = series(tmp_path)
    edit_series(files, RescaleSlope="2.5", RescaleIntercept="-10")
    check_orientation(dicom_stack(files), volume * 2.5 - 10, spacing)
    full_range = np.round((volume / 4000 - 0.5) * 65000).astype(np.int16)  # the whole range of int16, as Clinica stores
    check_orientation(dicom_stack(files), full_range, spacing)


def enhanced(files, path):
    """The series as one file with one frame per slice."""
    frames = [pydicom.dcmread(file) for file in files]
    image = frames[0]
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = image.PixelSpacing
    orientation = Dataset()
    orientation.ImageOrientationPatient = image.ImageOrientationPatient
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([orientation])
    groups = []
    for frame in frames:
        position, group = Dataset(), Dataset()
        position.ImagePositionPatient = frame.ImagePositionPatient
        group.PlanePositionSequence = Sequence([position])
        groups.append(group)
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    image.SharedFunctionalGroupsSequence, image.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(groups)
    image.NumberOfFrames, image.PixelData = len(frames), b"".join(frame.PixelData for frame in frames)
    del image.ImageOrientationPatient, image.ImagePositionPatient, image.PixelSpacing
    image.save_as(path)
    return path


def test_one_file_with_all_frames(tmp_path):
    files, volume, spacing = series(tmp_path, reverse=True)
    stack = dicom_stack([enhanced(files, tmp_path / "all.dcm")])
    check_orientation(stack, volume, spacing)
    with pytest.raises(WrongOrientation, match="left and right"):
        check_orientation(stack, volume[::-1], spacing)


def test_pixels_that_cannot_be_decoded_are_no_fault_of_the_converter(tmp_path):
    files, volume, spacing = series(tmp_path)
    for path in files:
        image = pydicom.dcmread(path)
        image.file_meta.TransferSyntaxUID = JPEG2000Lossless
        image.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" + bytes(60)])
        image["PixelData"].is_undefined_length = True
        image.save_as(path)
    with pytest.raises(Uncheckable):
        check_orientation(dicom_stack(files), volume, spacing)
