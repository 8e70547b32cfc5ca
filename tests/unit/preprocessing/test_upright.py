"""Which heads have their brain extracted once more."""

import nibabel as nib
import numpy as np
import pytest

from ldae.preprocessing import upright
from ldae.preprocessing.pose import Start, turn_between
from ldae.preprocessing.volume import Volume


def lying(pitch, roll, yaw, size=1.0):
    """A start whose head is turned by these degrees."""
    turn = size * nib.eulerangles.euler2mat(*np.radians([yaw, roll, pitch]))
    return Start(pitch, roll, yaw, nib.affines.from_matvec(turn), 1.0)


def test_the_turn_between_two_affines_is_told_in_the_angles_of_a_start():
    turned = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1, -0.2, 0.3))
    header = turned @ np.diag([0.5, 1.2, 2.0, 1.0])  # the sizes of voxels play no part
    assert turn_between(header, turned @ lying(-33, 12, 25, 1.1).affine) == pytest.approx((-33, 12, 25), abs=1e-6)
    assert turn_between(lying(10, 0, 0).affine, lying(-23, 0, 0).affine) == pytest.approx((-33, 0, 0), abs=1e-6)


@pytest.mark.parametrize(
    "pose, extractions",
    [
        *(((0, 0, 0), 1), ((40, 0, 0), 1), ((50, 0, 0), 2), ((-15, 0, 0), 1), ((-25, 0, 0), 2)),
        *(((0, 50, 0), 2), ((0, 20, -20), 1), ((-25, 10, 10), 2)),
    ],
)
def test_a_chin_on_the_chest_counts_earlier_than_one_in_the_air(monkeypatch, pose, extractions):
    mask = np.ones((4, 4, 4), bool)
    monkeypatch.setattr(upright, "extract_brain", lambda scan, config: mask)
    monkeypatch.setattr(upright, "_extract_upright", lambda scan, start, config: mask)
    monkeypatch.setattr(upright, "_pose", lambda scan, mask: lying(*pose))
    assert upright.find_brain(Volume(np.ones((4, 4, 4), np.float32), np.eye(4)), None)[2] == extractions
