from pathlib import Path

import ants
import nibabel as nib
import numpy as np
import pytest

from ldae.preprocessing.grid import covering_grid, mni_template
from ldae.preprocessing.pose import find_starts
from ldae.preprocessing.registration import register, use_one_thread, volume_scale
from ldae.preprocessing.resampling import resample
from ldae.preprocessing.volume import Volume

SPACING_MM = 4.0
SCALE = 0.93


@pytest.fixture(scope="module")
def moved():
    """The template shrunk, turned and shifted, and the true affine from template to scan."""
    use_one_thread()
    grid = covering_grid(SPACING_MM)
    turn = nib.affines.from_matvec(SCALE * nib.eulerangles.euler2mat(0.1, 0.05, -0.08), [6.0, -9.0, 12.0])
    return Volume(mni_template(grid).t1, turn @ grid.affine), turn


def near(brain):
    """The search's own start."""
    return find_starts(brain)[0].affine


def transform(moved):
    with register(moved, "affine", SPACING_MM, near(moved)) as files:
        return ants.read_transform(files[0]).parameters, volume_scale(files)


def test_a_known_motion_is_found_and_found_again_the_same(moved):
    volume, turn = moved
    use_one_thread()
    with register(volume, "affine", SPACING_MM, near(volume)) as files:
        points = np.array([[0, 0, 0], [50, 0, 0], [0, -70, 20], [-40, 20, 50]], float)
        found = [ants.apply_ants_transform_to_point(ants.read_transform(files[0]), p * [-1, -1, 1]) for p in points]
        first = ants.read_transform(files[0]).parameters
        scale = volume_scale(files)
    expected = nib.affines.apply_affine(turn, points) * [-1, -1, 1]
    assert np.linalg.norm(np.array(found) - expected, axis=1).max() < 1.0
    assert scale == pytest.approx(SCALE**-3, rel=0.02)
    np.testing.assert_array_equal(transform(volume)[0], first)


def test_transform_files_are_gone_afterwards(moved):
    with register(moved[0], "affine", 8.0, moved[1]) as files:
        kept = list(files)
    assert kept and not any(Path(path).exists() for path in kept)


@pytest.mark.slow
def test_syn_comes_nearer_to_the_template_than_affine():
    use_one_thread()
    grid = covering_grid(SPACING_MM)
    template = mni_template(grid).t1
    wave = np.sin(np.linspace(0, 9, grid.shape[1]))
    bent = np.stack([np.roll(template[:, y], round(1.5 * wave[y]), axis=0) for y in range(grid.shape[1])], axis=1)
    errors = {}
    for kind in ("affine", "syn"):
        with register(grid.volume(bent), kind, SPACING_MM, np.eye(4)) as files:
            errors[kind] = np.square(resample(grid.volume(bent), grid.volume(), files) - template).mean()
    assert errors["syn"] < 0.7 * errors["affine"]


def test_the_scale_of_a_volume_is_that_of_all_axes_together(tmp_path):
    """The affine leads from MNI152 to the scan: what it shrinks was enlarged on the way to MNI152."""
    matrix = nib.eulerangles.euler2mat(0.3, -0.2, 0.1) @ np.array([[-0.8, 0.1, 0], [0, 0.9, -0.2], [0, 0, 1.1]])
    files = [str(tmp_path / "Warp.nii.gz"), str(tmp_path / "Affine.mat")]
    transform = ants.create_ants_transform(
        transform_type="AffineTransform", matrix=matrix, translation=(9.0, -4.0, 2.0)
    )
    ants.write_transform(transform, files[1])
    assert volume_scale(files) == pytest.approx(1 / (0.8 * 0.9 * 1.1))


def test_syn_bends_and_affine_does_not(moved):
    use_one_thread()
    names = {}
    for kind in ("affine", "syn"):
        with register(moved[0], kind, 8.0, moved[1]) as files:
            names[kind] = [Path(path).name.split("to-mni-")[1] for path in files]
    assert names == {"affine": ["0GenericAffine.mat"], "syn": ["1Warp.nii.gz", "0GenericAffine.mat"]}
