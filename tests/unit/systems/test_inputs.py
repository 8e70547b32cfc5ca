"""What a model takes for a preprocessed scan."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch

from ldae.errors import UserError
from ldae.preprocessing.grid import Grid
from ldae.systems.inputs import as_images

GRID = Grid((4, 6, 5), 5.0, (0.0, -17.0, 5.0))


@pytest.fixture
def volume():
    return np.random.default_rng(1).random(GRID.shape).astype(np.float32)


def write(path, volume, affine=None):
    nib.save(nib.Nifti1Image(volume, GRID.affine if affine is None else affine), path)
    return path


def test_files_arrays_and_tensors_give_the_same(volume, tmp_path):
    path = write(tmp_path / "scan.nii.gz", volume)
    for scans in (path, str(path), volume, volume[None], volume[None, None], torch.from_numpy(volume), [path]):
        images = as_images(scans, GRID)
        assert images.shape == (1, 1, *GRID.shape)
        np.testing.assert_array_equal(images[0, 0], volume)


def test_a_sequence_is_one_batch_in_its_order(volume, tmp_path):
    path = write(tmp_path / "scan.nii.gz", volume)
    images = as_images([volume * 0.5, path, np.stack([volume, volume * 0.1])], GRID)
    np.testing.assert_allclose(images.mean((1, 2, 3, 4)) / volume.mean(), [0.5, 1, 1, 0.1], rtol=1e-5)


@pytest.mark.parametrize("shape", [(6, 4, 5), (4, 6), (2, 3, 4, 6, 5), (1, 1, 1, 4, 6, 5)])
def test_another_shape_is_refused(shape):
    with pytest.raises(UserError, match="4 x 6 x 5 voxels"):
        as_images(np.full(shape, 0.5, np.float32), GRID)


@pytest.mark.parametrize("change", [np.diag([-1, 1, 1, 1]), np.diag([1.02, 1, 1, 1])])
def test_voxels_elsewhere_are_refused(volume, tmp_path, change):
    path = write(tmp_path / "scan.nii.gz", volume, GRID.affine @ change)
    with pytest.raises(UserError, match=r"scan\.nii\.gz\n.*voxels at"):
        as_images(path, GRID)


@pytest.mark.parametrize("values", [np.nan, np.inf, 1.2, -0.1])
def test_intensities_that_are_none_are_refused(volume, values):
    volume[1, 2, 3] = values
    with pytest.raises(UserError, match="intensities from 0 to 1"):
        as_images(volume, GRID)


def test_an_empty_scan_among_others_is_refused(volume):
    with pytest.raises(UserError, match="a brain"):
        as_images(np.stack([volume, 0 * volume]), GRID)


def test_rounding_beyond_the_ends_is_cut(volume):
    volume[0, 0, 0], volume[1, 1, 1] = -1e-5, 1 + 1e-5
    images = as_images(volume, GRID)
    assert images.min() == 0
    assert images.max() == 1
