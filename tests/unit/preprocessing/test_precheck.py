import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.nifti import check_nifti
from ldae.errors import UserError
from ldae.preprocessing.precheck import RawScan, check_brain, load_scan
from ldae.preprocessing.volume import Volume
from tests.damage import rewrite_forms, rewrite_header

SHAPE = (48, 60, 50)
AFFINE = np.diag([3.5, 3.5, 3.5, 1])


@pytest.fixture
def data():
    return np.random.default_rng(0).uniform(1, 100, SHAPE).astype(np.float32)


def write(folder, data, affine=AFFINE):
    path = folder / "scan.nii.gz"
    nib.Nifti1Image(data, affine).to_filename(path)
    return path


def shear():
    affine = AFFINE.copy()
    affine[0, 1] = 0.7
    return affine


HEADERS = {
    "4-D": (lambda d: np.stack([d, d], axis=-1), AFFINE, "4-D: 2 volumes"),
    "2-D": (lambda d: d[0], AFFINE, "voxels only"),
    "half voxel size": (lambda d: d, np.diag([1.75, 1.75, 1.75, 1]), "field of view"),
    "thick slices": (lambda d: d, np.diag([3.5, 3.5, 5.0, 1]), "voxels of"),
    "4.8 mm": (lambda d: d, np.diag([3.5, 3.5, 4.8, 1]), "voxels of"),
    "metres": (lambda d: d, np.diag([0.0035, 0.0035, 0.0035, 1]), "voxels of"),
    "sheared": (lambda d: d, shear(), "sheared"),
    "slab": (lambda d: d[:, :, :20], AFFINE, "field of view"),
    "a slab of 115 mm": (lambda d: d[:, :, :33], AFFINE, "field of view"),
    "complex": (lambda d: d.astype(np.complex64), AFFINE, "complex"),
}


@pytest.mark.parametrize("change, affine, word", HEADERS.values(), ids=HEADERS)
def test_what_the_check_of_headers_refuses_is_refused_here_for_the_same_reason(tmp_path, data, change, affine, word):
    path = write(tmp_path, change(data), affine)
    with pytest.raises(UserError, match=word) as caught:
        load_scan(path)
    assert str(path) in str(caught.value)
    with pytest.raises(BrokenSeries) as earlier:
        check_nifti([path])
    assert str(earlier.value) in str(caught.value)


@pytest.mark.parametrize("slices", [35, 40, 50])
def test_what_the_check_of_headers_takes_is_taken_here(tmp_path, data, slices):
    """A field of view of 122 mm, 140 mm, 175 mm."""
    path = write(tmp_path, data[:, :, :slices])
    assert check_nifti([path]).columns == slices
    assert load_scan(path).volume.data.shape == (48, 60, slices)


def test_the_sform_is_held_against_the_qform_here_too(tmp_path, data):
    path = rewrite_forms(write(tmp_path, data), AFFINE @ np.diag([1.05, 1.05, 1.05, 1]), AFFINE)
    with pytest.raises(UserError, match=r"3\.5 x 3\.5 x 3\.5 mm by pixdim and qform, 3\.675 x 3\.675 x 3\.675 mm by"):
        load_scan(path)


def test_a_sform_that_stretches_to_a_template_gives_way_to_the_qform(tmp_path, data):
    path = rewrite_forms(write(tmp_path, data), AFFINE @ np.diag([1.1, 1.1, 1.1, 1]), AFFINE)
    rewrite_header(path, sform_code=4)
    np.testing.assert_allclose(load_scan(path).volume.affine, AFFINE)


@pytest.mark.parametrize("value, found", [(0, "every voxel is 0"), (7, "every voxel is 7"), (np.nan, "no finite")])
def test_an_image_without_contrast_is_named(tmp_path, data, value, found):
    with pytest.raises(UserError, match=found):
        load_scan(write(tmp_path, np.full_like(data, value)))


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(b"not gzip")
    with pytest.raises(UserError, match="NIfTI"):
        load_scan(path)
    with pytest.raises(UserError, match="NIfTI"):
        load_scan(tmp_path / "absent.nii.gz")


def test_a_truncated_file_is_named(tmp_path, data):
    path = write(tmp_path, data)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(UserError, match="NIfTI"):
        load_scan(path)


@pytest.mark.parametrize("slope", [0, np.nan])
def test_integers_without_a_scale_are_read_as_they_are(tmp_path, data, slope):
    path = rewrite_header(write(tmp_path, data.astype(np.int16)), scl_slope=slope, scl_inter=0)
    np.testing.assert_array_equal(load_scan(path).volume.data, data.astype(np.int16))


@pytest.mark.parametrize("dtype", [">i2", ">f4", "uint64", "float64"])
def test_voxels_of_any_type_are_read(tmp_path, data, dtype):
    values = data.astype(dtype)
    nib.Nifti1Image(values, AFFINE, dtype=np.dtype(dtype)).to_filename(tmp_path / "scan.nii")
    np.testing.assert_array_equal(load_scan(tmp_path / "scan.nii").volume.data, values.astype(np.float32))


def test_permuted_axes_with_a_right_affine_are_the_same_scan(tmp_path, data):
    straight = load_scan(write(tmp_path, data)).volume
    permuted = nib.Nifti1Image(data, straight.affine).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    again = load_scan(write(tmp_path, np.asarray(permuted.dataobj), permuted.affine)).volume
    np.testing.assert_array_equal(again.data, straight.data)
    np.testing.assert_allclose(again.affine, straight.affine)


@pytest.mark.parametrize("lowest", [1, -50])
def test_voxels_without_a_value_are_background_and_counted(tmp_path, data, lowest):
    data += lowest - data.min()
    data[:, :, :22].flat[:] = np.resize([np.nan, np.inf, -np.inf], data[:, :, :22].size)
    scan = load_scan(write(tmp_path, data[..., None, None]))
    np.testing.assert_array_equal(scan.volume.data, np.where(np.isfinite(data), data, min(0, lowest)))
    np.testing.assert_array_equal(scan.absent, ~np.isfinite(data))
    assert scan.notes == ("44.0% of the voxels without a value, taken as background",)


def test_fine_voxels_are_averaged_and_that_is_said(tmp_path):
    data = np.random.default_rng(0).uniform(1, 100, (268, 134, 268)).astype(np.float32)
    data[0, 0, 0] = np.nan
    affine = np.diag([0.45, 0.9, 0.45, 1])
    scan = load_scan(write(tmp_path, data, affine))
    np.testing.assert_allclose(scan.volume.spacing_mm, 0.9)
    blocks = data.reshape(134, 2, 134, 134, 2).mean((1, 4))
    np.testing.assert_allclose(scan.volume.data[1:], blocks[1:], rtol=1e-5)
    np.testing.assert_allclose(scan.volume.affine[:3, 3], [0.225, 0, 0.225])
    assert scan.absent[0, 0, 0] and scan.absent.sum() == 1
    assert scan.notes[0] == "blocks of 2 x 1 x 2 voxels averaged"


@pytest.mark.parametrize("spacing, kept", [(0.7, True), (0.55, True), (0.5, False), (0.3, False)])
def test_only_voxels_of_two_thirds_of_the_finest_are_averaged(tmp_path, spacing, kept):
    shape = (int(121 / spacing), 40, 40)
    data = np.random.default_rng(0).integers(0, 99, shape).astype(np.uint8)
    volume = load_scan(write(tmp_path, data, np.diag([spacing, 4, 4, 1]))).volume
    assert (volume.data.shape == shape) == kept
    assert 0.53 < volume.spacing_mm[0] < 1.07


BALL = np.linalg.norm(np.indices((60, 60, 60)) - 30, axis=0) < 20


def brain(absent):
    check = RawScan(Volume(np.ones(BALL.shape, np.float32), np.eye(4)), absent)
    return check_brain("scan.nii.gz", check, BALL)


def test_outside_the_brain_values_may_be_absent_a_little_into_its_mask_too():
    assert brain(np.zeros_like(BALL)) == []
    assert brain(~ndimage.binary_erosion(BALL, iterations=3)) == []


def test_specks_and_cisterns_are_said_and_more_is_refused():
    specks = np.zeros_like(BALL)
    specks[15:45:6, 15:45:6, 15:45:6] = True
    (said,) = brain(specks)
    assert said == "parts of the brain without a value (0.23%), taken as dark"
    cistern = ~BALL
    cistern[29:33, 29:33, 8:20] = True
    (said,) = brain(cistern)
    assert said == "parts of the brain without a value (0.24%), taken as dark"
    block = np.zeros_like(BALL)
    block[30:34, 30:34, 30:34] = True
    plane = np.zeros_like(BALL)
    plane[30] = True
    aside = np.zeros_like(BALL)
    aside[19] = True
    salt = np.zeros_like(BALL)
    salt[::3, ::3, ::3] = True
    wide = ~BALL
    wide[24:36, 24:36, 8:18] = True
    for absent in (block, plane, salt, aside, wide, block | cistern):
        with pytest.raises(UserError, match="voxels of it are NaN or infinite"):
            brain(absent)
