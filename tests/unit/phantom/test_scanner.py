"""The phantom's scanner: DICOM geometry, headers, and the way of the voxels through dcm2niix."""

import subprocess
from dataclasses import replace
from datetime import datetime

import dcm2niix
import nibabel
import numpy as np
import pydicom
import pytest

from ldae.phantom.scanner import LARGEST_VALUE, SeriesHeader, acquire, draw_grid, write_series

SERIES = SeriesHeader(
    ptid="033_S_0100",
    sex="Female",
    age=73.4,
    sequence="Accelerated Sagittal MPRAGE",
    field_strength_t=3.0,
    start=datetime(2017, 3, 14, 10, 5, 9),
    series_id=20010,
    image_id=100100,
)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


@pytest.fixture
def written(tmp_path, rng):
    """A small series on an oblique grid: its volume, affine and datasets in order of their instance numbers."""
    _, affine = draw_grid((2.6, 3.2), rng)
    affine[:3, 1] *= 1.25  # unlike any grid of the phantom, so that rows and columns tell apart
    volume = rng.integers(0, LARGEST_VALUE + 1, (7, 9, 8)).astype(np.uint16)
    write_series(volume, affine, SERIES, tmp_path)
    slices = sorted(map(pydicom.dcmread, tmp_path.iterdir()), key=lambda dataset: dataset.InstanceNumber)
    return volume, affine, slices


def test_names_follow_loni():
    assert str(SERIES.folder) == "033_S_0100/Accelerated_Sagittal_MPRAGE/2017-03-14_10_05_09.0/I100100"
    assert SERIES.file_name(3) == (
        "ADNI_033_S_0100_MR_Accelerated_Sagittal_MPRAGE__br_raw_20170314100509003_3_S20010_I100100.dcm"
    )


def test_every_voxel_lies_where_the_header_says(written):
    """PS3.3 C.7.6.2.1.1: position = IPP + IOP_row * spacing * column + IOP_column * spacing * row."""
    volume, affine, slices = written
    for x, dataset in enumerate(slices):
        origin = np.array(dataset.ImagePositionPatient, float)
        orientation = np.array(dataset.ImageOrientationPatient, float)
        between_rows, between_columns = map(float, dataset.PixelSpacing)
        for row, column in np.ndindex(dataset.Rows, dataset.Columns):
            y, z = volume.shape[1] - 1 - column, volume.shape[2] - 1 - row
            assert dataset.pixel_array[row, column] == volume[x, y, z]
            lps = origin + orientation[:3] * between_columns * column + orientation[3:] * between_rows * row
            assert np.allclose(lps * (-1, -1, 1), (affine @ (x, y, z, 1))[:3], atol=1e-3)


def test_slices_are_contiguous_along_their_normal(written):
    _, _affine, slices = written
    positions = np.array([dataset.ImagePositionPatient for dataset in slices], float)
    orientation = np.array(slices[0].ImageOrientationPatient, float)
    steps = np.diff(positions, axis=0) @ np.cross(orientation[:3], orientation[3:])
    assert np.allclose(steps, float(slices[0].SliceThickness), atol=1e-3)
    assert [dataset.InstanceNumber for dataset in slices] == list(range(1, len(slices) + 1))
    assert not np.allclose(np.abs(orientation), np.round(np.abs(orientation)), atol=1e-3)


def test_headers_are_those_of_one_explicit_little_endian_mr_series(written):
    slices = written[2]
    assert {dataset.file_meta.TransferSyntaxUID for dataset in slices} == {"1.2.840.10008.1.2.1"}
    assert {dataset.SOPClassUID for dataset in slices} == {"1.2.840.10008.5.1.4.1.1.4"}
    assert len({dataset.SeriesInstanceUID for dataset in slices}) == 1
    assert len({dataset.SOPInstanceUID for dataset in slices}) == len(slices)
    assert all(dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID for dataset in slices)
    assert {(d.PatientSex, d.PatientAge, d.StudyDate, d.StudyTime) for d in slices} == {
        ("F", "073Y", "20170314", "100509")
    }
    assert {(d.PatientID, d.Modality, round(d.MagneticFieldStrength, 1)) for d in slices} == {(SERIES.ptid, "MR", 2.9)}


def test_slice_locations_run_along_the_normal(written):
    for dataset in written[2]:
        orientation = np.array(dataset.ImageOrientationPatient, float)
        normal = np.cross(orientation[:3], orientation[3:])
        assert float(dataset.SliceLocation) == pytest.approx(normal @ dataset.ImagePositionPatient, abs=1e-4)


def test_each_series_has_its_own_header(tmp_path, rng):
    """A man at 1.5 T, and the same scanned once more on the same day."""
    one = replace(SERIES, sex="Male", age=65.99, sequence="MP-RAGE", field_strength_t=1.5)
    headers = []
    for number, series in enumerate((one, replace(one, image_id=100110, series_id=20011))):
        (tmp_path / str(number)).mkdir()
        write_series(rng.integers(0, 99, (2, 3, 4)).astype(np.uint16), np.eye(4), series, tmp_path / str(number))
        headers.append(pydicom.dcmread(next((tmp_path / str(number)).iterdir())))
    first, second = headers
    assert (first.PatientSex, first.PatientAge, first.MagneticFieldStrength) == ("M", "065Y", 1.5)
    assert first.SeriesDescription == "MP-RAGE"
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID


def test_the_same_series_is_written_byte_for_byte(tmp_path, rng):
    volume, affine = rng.integers(0, 99, (2, 3, 4)).astype(np.uint16), np.diag([3.0, 2, 2, 1])
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_series(volume, affine, SERIES, tmp_path / name)
    for first in (tmp_path / "a").iterdir():
        assert first.read_bytes() == (tmp_path / "b" / first.name).read_bytes()


def test_dcm2niix_gives_back_voxels_and_geometry(tmp_path, rng):
    shape, affine = draw_grid((4.0, 5.0), rng)
    volume = rng.integers(0, LARGEST_VALUE + 1, shape).astype(np.uint16)
    dicom, nifti = tmp_path / "dicom", tmp_path / "nifti"
    dicom.mkdir(), nifti.mkdir()
    write_series(volume, affine, SERIES, dicom)
    subprocess.run([dcm2niix.bin, "-b", "n", "-f", "scan", "-o", nifti, dicom], check=True, capture_output=True)
    assert [path.name for path in nifti.iterdir()] == ["scan.nii"]
    image = nibabel.as_closest_canonical(nibabel.load(nifti / "scan.nii"))
    assert np.array_equal(np.asarray(image.dataobj), volume)
    assert np.allclose(image.affine, affine, atol=2e-3)


@pytest.mark.parametrize("limits", [(2.6, 3.2), (4.0, 5.0)])
def test_grids_cover_the_head_within_the_voxel_sizes(limits):
    for seed in range(20):
        shape, affine = draw_grid(limits, np.random.default_rng(seed))
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        assert (spacing >= limits[0] - 1e-3).all() and (spacing <= limits[1] + 1e-3).all()
        for corner in ((-70, -17, 5), (70, -17, 5), (0, -105, 5), (0, 72, 5), (0, -17, 82), (0, -45, -68)):
            index = np.linalg.solve(affine, (*corner, 1))[:3]
            assert (index >= 0).all() and (index <= np.array(shape) - 1).all()
        tilt = np.rad2deg(np.arccos((np.trace(affine[:3, :3] / spacing) - 1) / 2))
        assert 0 < tilt < 11


@pytest.mark.parametrize("field_strength_t", [1.5, 3.0])
def test_acquisition_scales_and_adds_positive_noise(field_strength_t):
    air = np.zeros((20, 20, 20), np.float32)
    stored = acquire(air, field_strength_t, np.random.default_rng(1))
    assert stored.dtype == np.uint16
    assert 0 < stored.mean() < 100 and stored.std() < 60


def test_noise_is_lower_at_3_tesla():
    """Against tissue of intensity 1, whatever the gain."""
    half = np.zeros((20, 20, 20), np.float32)
    half[10:] = 1
    noise = {}
    for strength in (1.5, 3.0):
        scans = [acquire(half, strength, np.random.default_rng(seed)).astype(float) for seed in range(1, 6)]
        noise[strength] = np.mean([scan[:10].mean() / scan[10:].mean() for scan in scans])
    assert noise[1.5] == pytest.approx(0.022 * np.sqrt(np.pi / 2), rel=0.1)
    assert noise[3.0] == pytest.approx(0.015 * np.sqrt(np.pi / 2), rel=0.1)


def test_gain_varies_and_never_overflows():
    tissue = np.ones((20, 20, 20), np.float32)
    scans = [acquire(tissue, 3.0, np.random.default_rng(seed)) for seed in range(12)]
    means = [scan.mean() for scan in scans]
    assert max(means) > 1.5 * min(means)
    assert max(scan.max() for scan in scans) <= LARGEST_VALUE


def test_the_bias_field_is_smooth_and_stronger_at_3_tesla():
    tissue = np.ones((24, 24, 24), np.float32)
    spread = {}
    for strength in (1.5, 3.0):
        scan = acquire(tissue, strength, np.random.default_rng(3)).astype(float)
        blocks = scan.reshape(4, 6, 4, 6, 4, 6).mean((1, 3, 5))
        spread[strength] = np.log(blocks).std()
    assert spread[3.0] > 1.5 * spread[1.5] > 0.03
