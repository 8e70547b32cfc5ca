import nibabel as nib
import numpy as np
import pytest

from ldae.errors import UserError
from ldae.preprocessing.precheck import check_geometry, load_scan
from ldae.preprocessing.volume import Volume

SHAPE = (48, 60, 50)


@pytest.fixture
def data(request):
    return np.random.default_rng(0).uniform(1, 100, SHAPE).astype(np.float32)


def write(folder, data, affine=None):
    path = folder / "scan.nii.gz"
    nib.Nifti1Image(data, np.diag([3.5, 3.5, 3.5, 1]) if affine is None else affine).to_filename(path)
    return path


def shear():
    affine = np.diag([3.5, 3.5, 3.5, 1])
    affine[0, 1] = 0.7
    return affine


BAD = {
    "4-D": (lambda d: np.stack([d, d], axis=-1), None, "3-D"),
    "2-D": (lambda d: d[0], None, "3-D"),
    "zero": (lambda d: d * 0, None, "contrast"),
    "constant": (lambda d: d * 0 + 7, None, "contrast"),
    "mostly NaN": (lambda d: np.where(np.arange(d.size).reshape(d.shape) % 2, np.nan, d), None, "finite"),
    "half voxel size": (lambda d: d, np.diag([1.75, 1.75, 1.75, 1]), "field of view"),
    "thick slices": (lambda d: d, np.diag([3.5, 3.5, 5.0, 1]), "voxels"),
    "metres": (lambda d: d, np.diag([0.0035, 0.0035, 0.0035, 1]), "voxels"),
    "sheared": (lambda d: d, shear(), "perpendicular"),
    "slab": (lambda d: d[:, :, :20], None, "field of view"),
}


@pytest.mark.parametrize("change, affine, word", BAD.values(), ids=BAD)
def test_bad_scans_are_named_with_the_reason(tmp_path, data, change, affine, word):
    path = write(tmp_path, change(data), affine)
    with pytest.raises(UserError, match=word) as caught:
        load_scan(path)
    assert str(path) in str(caught.value)


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


def test_permuted_axes_with_a_right_affine_are_the_same_scan(tmp_path, data):
    straight = load_scan(write(tmp_path, data))
    permuted = nib.Nifti1Image(data, straight.affine).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))
    again = load_scan(write(tmp_path, np.asarray(permuted.dataobj), permuted.affine))
    np.testing.assert_array_equal(again.data, straight.data)
    np.testing.assert_allclose(again.affine, straight.affine)


def test_single_volume_4d_and_a_few_nan_are_harmless(tmp_path, data):
    data[3:6, 3:6, 3:6] = np.nan
    volume = load_scan(write(tmp_path, data[..., None]))
    assert volume.data.shape == SHAPE
    assert (volume.data[3:6, 3:6, 3:6] == 0).all() and np.isfinite(volume.data).all()


def geometry(spacing, shape, shear=0.0):
    affine = np.diag([*spacing, 1.0])
    affine[0, 1] = shear * spacing[1]
    check_geometry("scan.nii.gz", Volume(np.zeros(shape, np.uint8), affine))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_voxels_and_field_of_view_are_good_up_to_their_limits_along_every_axis(axis):
    def along(special, other):
        return [special if a == axis else other for a in range(3)]

    geometry(along(4.0, 2.0), along(35, 90))  # exactly 4 mm and 140 mm
    geometry(along(0.3, 4.0), along(480, 40))
    with pytest.raises(UserError, match="voxels of"):
        geometry(along(4.01, 2.0), along(50, 90))
    with pytest.raises(UserError, match="voxels of"):
        geometry(along(0.29, 4.0), along(490, 40))
    with pytest.raises(UserError, match="field of view"):
        geometry(along(4.0, 2.0), along(34, 90))


def test_axes_may_be_a_degree_off_and_no_more():
    geometry((1.0, 1.2, 3.0), (150, 150, 60), shear=0.018)
    geometry((1.0, 1.2, 3.0), (150, 150, 60), shear=-0.018)
    for shear in (0.025, -0.025):
        with pytest.raises(UserError, match="perpendicular"):
            geometry((1.0, 1.2, 3.0), (150, 150, 60), shear)


def test_up_to_a_tenth_of_the_voxels_may_not_be_finite(tmp_path, data):
    order = np.random.default_rng(1).permutation(data.size)
    data.flat[order[: data.size // 10]] = np.resize([np.nan, np.inf, -np.inf], data.size // 10)
    expected = np.where(np.isfinite(data), data, 0)
    np.testing.assert_array_equal(load_scan(write(tmp_path, data)).data, expected)
    data.flat[order[: data.size // 9]] = np.nan
    with pytest.raises(UserError, match="finite"):
        load_scan(write(tmp_path, data))
