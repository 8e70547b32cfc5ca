import nibabel as nib
import numpy as np
import pytest

from ldae.preprocessing.grid import covering_grid, mni_template
from ldae.preprocessing.pose import angle_between, find_starts
from ldae.preprocessing.volume import Volume

CENTER = np.array([0.0, -17.0, 5.0])
POSES = {  # pitch, roll, yaw in degrees, size, shift in mm
    "as the template": (0, 0, 0, 1.0, (0, 0, 0)),
    "chin up, turned and far away": (85, 0, 0, 1.0, (80, -80, 80)),
    "chin down": (-80, 0, 0, 0.9, (0, 0, 0)),
    "everything": (70, -20, 20, 1.12, (-80, 80, 0)),
    "everything else": (-60, 20, -20, 0.9, (0, 80, -80)),
}


def turned(pitch, roll, yaw, size, shift) -> np.ndarray:
    """From MNI152 to native millimetres, about the template's middle."""
    matrix = size * nib.eulerangles.euler2mat(*np.radians([yaw, roll, pitch]))
    return nib.affines.from_matvec(matrix, CENTER + shift - matrix @ CENTER)


def brain_in(pose: np.ndarray) -> Volume:
    """The template's brain under a header of its own, darker on one side."""
    grid = covering_grid(4.0)
    template = mni_template(grid)
    field = np.linspace(0.8, 1.3, grid.shape[0])[:, None, None]
    return Volume(template.t1 * template.brain * field, pose @ grid.affine)


@pytest.mark.parametrize("name", POSES)
def test_the_best_start_is_the_true_pose(name):
    pose = turned(*POSES[name])
    best = find_starts(brain_in(pose))[0]
    assert angle_between(best.affine, pose) < 4
    assert np.linalg.norm((best.affine - pose) @ [*CENTER, 1]) < 4
    assert np.linalg.det(best.affine[:3, :3]) == pytest.approx(POSES[name][3] ** 3, rel=0.15)
    assert (best.pitch_deg, best.roll_deg, best.yaw_deg) == pytest.approx(POSES[name][:3], abs=4)


def test_the_best_comes_first_and_the_same_again():
    brain = brain_in(turned(*POSES["everything"]))
    first, again = find_starts(brain), find_starts(brain)
    likeness = [start.likeness for start in first]
    assert likeness == sorted(likeness, reverse=True) and likeness[0] > likeness[-1]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.affine, other.affine)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("more", [False, True])
def test_no_start_is_mirrored_or_turned_around(axis, more):
    """A brain flipped front to back would fit when turned back to front, mirrored."""
    brain = brain_in(np.eye(4))
    for start in find_starts(brain.with_data(np.ascontiguousarray(np.flip(brain.data, axis))), more=more):
        assert np.linalg.det(start.affine[:3, :3]) > 0
        assert max(abs(start.roll_deg), abs(start.yaw_deg)) <= 60 and abs(start.pitch_deg) <= 120


def test_more_turns_give_more_starts():
    brain = brain_in(turned(*POSES["chin down"]))
    few, many = find_starts(brain), find_starts(brain, more=True)
    assert len(many) > len(few) > 1
    assert angle_between(many[0].affine, few[0].affine) < 3


def test_an_angle_does_not_depend_on_sizes():
    a, b = turned(10, 20, 5, 1.1, (1, 2, 3)), turned(0, 0, 30, 0.7, (0, 0, 0))
    anisotropic = np.diag([1.0, 2.0, 3.0, 1.0])
    assert angle_between(a, a @ turned(25, 0, 0, 2.0, (5, 5, 5))) == pytest.approx(25)
    assert angle_between(b, b @ anisotropic) == pytest.approx(0, abs=1e-4)


def test_a_rigid_start_keeps_the_turn_and_the_shift_alone():
    start = find_starts(brain_in(turned(*POSES["everything"])))[0]
    assert np.linalg.det(start.rigid[:3, :3]) == pytest.approx(1)
    assert angle_between(start.rigid, start.affine) == pytest.approx(0, abs=1e-4)
    np.testing.assert_array_equal(start.rigid[:, 3], start.affine[:, 3])
