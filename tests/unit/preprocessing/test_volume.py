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
