import nibabel as nib
import numpy as np
import pytest

from ldae.preprocessing.volume import Volume, coarsen, crop, sample_every, write_volume

OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.1, -0.05, 0.2) @ np.diag([1.0, 1.2, 0.9]), [-60.0, -80.0, -40.0]
)


def ramp(shape, affine, axis=0):
    """Every voxel holds its own world coordinate along one axis."""
    world = nib.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
    return Volume(world[..., axis].astype(np.float32), affine)


def test_ants_sees_the_same_world_in_lps():
    image = ramp((7, 9, 8), OBLIQUE).to_ants()
    index = np.array([5, 2, 6])
    expected = nib.affines.apply_affine(OBLIQUE, index) * [-1, -1, 1]
    inside = np.linalg.solve(image.direction * image.spacing, expected - image.origin)
    np.testing.assert_allclose(inside, index, atol=1e-4)
    assert image[5, 2, 6] == pytest.approx(-expected[0], abs=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_blocks_stay_where_they_were(axis):
    coarse, factors = coarsen(ramp((12, 10, 14), OBLIQUE, axis), 2.0)
    assert factors == (2, 2, 2)
    np.testing.assert_allclose(coarse.data, ramp(coarse.data.shape, coarse.affine, axis).data, atol=1e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing_mm", [0.8, 2.0, 3.1])
def test_kept_voxels_stay_where_they_were(axis, spacing_mm):
    fine = ramp((12, 11, 14), OBLIQUE, axis)
    kept, first, steps = sample_every(fine, spacing_mm)
    np.testing.assert_allclose(kept.data, ramp(kept.data.shape, kept.affine, axis).data, atol=1e-3)
    assert kept.data[1, 1, 1] == fine.data[tuple(first + steps)]
    assert np.abs(kept.spacing_mm - spacing_mm).max() <= 0.51 * fine.spacing_mm.max()


def test_blocks_cover_sizes_that_do_not_divide():
    coarse, factors = coarsen(Volume(np.ones((7, 8, 9), np.float32), np.eye(4)), 3.0)
    assert factors == (3, 3, 3)
    assert coarse.data.shape == (3, 3, 3)
    assert (coarse.data == 1).all()


def test_coarse_images_are_left_alone():
    volume = ramp((4, 4, 4), np.diag([3.0, 3.0, 3.0, 1.0]))
    assert coarsen(volume, 3.0)[0] is volume


def test_crop_keeps_world_coordinates():
    volume = ramp((20, 20, 20), OBLIQUE)
    mask = np.zeros(volume.data.shape, bool)
    mask[8:11, 1:3, 12:18] = True
    cut, cut_mask = crop(volume, mask, margin_mm=2.0)
    assert cut_mask.sum() == mask.sum()
    np.testing.assert_allclose(cut.data, ramp(cut.data.shape, cut.affine).data, atol=1e-3)


def test_written_file_has_the_affine_in_mni_space(tmp_path):
    path = tmp_path / "x.nii.gz"
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    write_volume(path, np.ones((3, 4, 5), np.float32), affine)
    image = nib.load(path)
    np.testing.assert_array_equal(image.affine, affine)
    assert int(image.header["sform_code"]) == 4 and nib.aff2axcodes(image.affine) == ("R", "A", "S")


OBLONG = nib.affines.from_matvec(np.diag([1.0, 2.0, 0.5]), [-9.0, 4.0, 7.0])


def test_blocks_are_means_of_as_many_voxels_as_fit_along_each_axis():
    data = np.random.default_rng(0).normal(size=(9, 7, 13)).astype(np.float32)
    coarse, factors = coarsen(Volume(data, nib.affines.from_matvec(np.diag([1.0, 1.9, 0.6]), [3, 2, 1])), 2.4)
    assert factors == (2, 1, 4) and coarse.data.shape == (5, 7, 4)
    assert coarse.data[1, 2, 2] == pytest.approx(data[2:4, 2, 8:12].mean(), abs=1e-6)
    assert coarse.data[4, 3, 3] == pytest.approx(data[8, 3, 12], abs=1e-6)
    np.testing.assert_allclose(coarse.affine[:3, 3], [3.5, 2, 1 + 1.5 * 0.6])
    np.testing.assert_allclose(coarse.spacing_mm, [2, 1.9, 2.4])


def test_the_first_voxel_kept_is_in_the_middle_of_its_step():
    data = np.arange(9 * 7 * 23.0).reshape(9, 7, 23).astype(np.float32)
    kept, first, steps = sample_every(Volume(data, OBLONG), 3.2)
    assert steps.tolist() == [3, 2, 6] and first.tolist() == [1, 0, 2]
    np.testing.assert_array_equal(kept.data, data[1::3, ::2, 2::6])
    np.testing.assert_allclose(kept.affine[:3, 3], [-8, 4, 8])


def test_the_margin_is_in_millimetres_on_every_side_and_ends_at_the_image():
    volume = ramp((20, 22, 24), OBLONG)
    mask = np.zeros(volume.data.shape, bool)
    mask[8:11, 1:3, 12:18] = True
    cut, cut_mask = crop(volume, mask, margin_mm=2.2)
    np.testing.assert_array_equal(cut.data, volume.data[5:14, 0:5, 7:23])
    np.testing.assert_array_equal(cut_mask, mask[5:14, 0:5, 7:23])
    np.testing.assert_allclose(cut.affine[:3, 3], nib.affines.apply_affine(OBLONG, [5, 0, 7]))
    whole, _ = crop(volume, mask, margin_mm=100)
    np.testing.assert_array_equal(whole.data, volume.data)


def test_both_affines_of_a_written_file_are_in_mni_space(tmp_path):
    affine = nib.affines.from_matvec(np.diag([5.0, 4.0, 3.0]), [-70, -80, -60])
    write_volume(tmp_path / "x.nii.gz", np.arange(60, dtype=np.uint8).reshape(3, 4, 5), affine)
    image = nib.load(tmp_path / "x.nii.gz")
    for found, code in (image.get_sform(coded=True), image.get_qform(coded=True)):
        np.testing.assert_allclose(found, affine, atol=1e-5)
        assert int(code) == 4
    assert image.header.get_xyzt_units()[0] == "mm" and image.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(image.dataobj, np.arange(60).reshape(3, 4, 5))


def test_ants_sees_oblong_voxels_along_their_own_axes():
    image = ramp((7, 9, 8), OBLONG, axis=1).to_ants()
    assert image.spacing == (1.0, 2.0, 0.5) and image.origin == (9.0, -4.0, 7.0)
    np.testing.assert_allclose(image.direction, np.diag([-1, -1, 1]), atol=1e-12)
    assert image[0, 3, 0] == 10
