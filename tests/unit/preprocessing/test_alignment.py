"""The retry, with a stand-in for the search, and heads in extreme poses through all steps."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from ldae.preprocessing import alignment
from ldae.preprocessing.grid import covering_grid, mni_template
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.pose import Start
from ldae.preprocessing.registration import use_one_thread
from ldae.preprocessing.scan import preprocess_scan
from ldae.preprocessing.verdict import judge
from tests.unit.preprocessing.conftest import NO_LIMITS, make_head

GRID = covering_grid(4.0)
QUICK = {"registration_spacing_mm": 4.0, "bias_field_iterations": [10, 10]}
WITHIN = 0.005  # of the unmoved head's Dice


def start_at(pitch_deg: float, likeness: float = 1.0) -> Start:
    turn = nib.eulerangles.euler2mat(0, 0, np.radians(pitch_deg))
    middle = np.array(GRID.center_mm)
    return Start(pitch_deg, 0.0, 0.0, nib.affines.from_matvec(turn, middle - turn @ middle), likeness)


@pytest.fixture(scope="module")
def brain():
    use_one_thread()
    template = mni_template(GRID)
    return GRID.volume(template.t1 * template.brain), template.brain


@pytest.fixture
def others(monkeypatch):
    """Sets what the wider search finds."""
    return lambda *pitches: monkeypatch.setattr(
        alignment, "find_starts", lambda brain, *, more: [start_at(pitch) for pitch in pitches if more]
    )


def test_a_good_start_is_the_only_one(brain, config, others):
    others(90)
    numbers = alignment.align(*brain, start_at(5), config.model_copy(update=QUICK)).numbers
    assert numbers["starts_tried"] == 1 and numbers["start_pitch_deg"] == 5 and numbers["dice"] > 0.97


def test_a_lost_brain_is_tried_again_from_another_pose(brain, config, others, caplog):
    others(172, 10)  # the first is no other pose
    numbers = alignment.align(*brain, start_at(175), config.model_copy(update=QUICK)).numbers
    assert numbers["starts_tried"] == 2 and numbers["start_pitch_deg"] == 10 and numbers["dice"] > 0.97
    assert "starts tried: 2" in caplog.text


def test_what_stays_lost_is_given_up(brain, config, others):
    others(150, 120, -170, 0)  # the last would do, but is one too many
    aligned = alignment.align(*brain, start_at(175), config.model_copy(update=QUICK))
    assert aligned.lost and aligned.numbers["starts_tried"] == alignment.MAX_STARTS == 3
    assert aligned.numbers["start_pitch_deg"] in (175, 150, 120)


def test_whatever_fails_by_the_default_limits_is_tried_again(qc):
    for name, limit in alignment.LOST_BELOW.items():
        assert limit >= getattr(qc, f"min_{name}")[1]


def moved(image: nib.Nifti1Image, pitch, roll, yaw, size=1.0, shift=(0.0, 0.0, 0.0)) -> nib.Nifti1Image:
    """The head under a header turned about its middle, enlarged and shifted."""
    middle = nib.affines.apply_affine(image.affine, (np.array(image.shape) - 1) / 2)
    matrix = size * nib.eulerangles.euler2mat(*np.radians([yaw, roll, pitch]))
    affine = nib.affines.from_matvec(matrix, middle - matrix @ middle + shift) @ image.affine
    return nib.Nifti1Image(np.asarray(image.dataobj, np.float32), affine)


def resampled(image: nib.Nifti1Image) -> nib.Nifti1Image:
    """The same head on straight voxels in a box that holds all of it."""
    corners = np.stack(np.meshgrid(*((0, n - 1) for n in image.shape), indexing="ij"), -1).reshape(-1, 3)
    ends = nib.affines.apply_affine(image.affine, corners)
    spacing = 3.0
    shape = np.ceil(np.ptp(ends, axis=0) / spacing).astype(int)
    affine = nib.affines.from_matvec(spacing * np.eye(3), ends.min(0))
    matrix, offset = nib.affines.to_matvec(np.linalg.inv(image.affine) @ affine)
    values = ndimage.affine_transform(np.asarray(image.dataobj), matrix, offset, tuple(shape), order=1)
    return nib.Nifti1Image(values, affine)


@pytest.fixture
def numbers_of(config, tmp_path):
    def run(image, **settings):
        image.to_filename(tmp_path / "copy.nii.gz")
        files = ScanFiles.of(tmp_path, "X", "M000")
        return preprocess_scan(tmp_path / "copy.nii.gz", files, config.model_copy(update=settings), NO_LIMITS)["QC"]

    return run


@pytest.mark.parametrize("turn_voxels", [False, True])
def test_a_head_far_off_ends_where_it_does_unmoved(numbers_of, qc, turn_voxels):
    head = nib.as_closest_canonical(make_head(3.9))
    far = moved(head, 55, 20, -20, 1.0, (80, -80, 80))
    unmoved, found = numbers_of(head, **QUICK), numbers_of(resampled(far) if turn_voxels else far, **QUICK)
    assert judge(found, qc)[0] != "fail"
    assert found["dice"] == pytest.approx(unmoved["dice"], abs=3 * WITHIN)  # coarse voxels, interpolated
    assert (found["start_pitch_deg"], found["start_roll_deg"], found["start_yaw_deg"]) == pytest.approx(
        (55, 20, -20),
        abs=12,  # the head itself is tilted
    )
    assert (unmoved["extractions"], found["extractions"]) == (1, 2)  # beyond 45 degrees a header's axes change places


MATRIX = [(45, 0, 0), (-45, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 20), (0, 0, -20), (45, 20, -20), (-45, -20, 20)]


@pytest.fixture(scope="module")
def detailed():
    return nib.as_closest_canonical(make_head(2.0, 6.0, 0.4))


@pytest.mark.slow
@pytest.mark.parametrize("size, shift", [(1.0, (0, 0, 0)), (0.9, (80, -80, 80)), (1.12, (-80, 80, -80))])
@pytest.mark.parametrize("spacing_mm", [3.0, 2.0])
def test_every_pose_gives_the_dice_of_the_unmoved_head(detailed, numbers_of, qc, size, shift, spacing_mm):
    unmoved = numbers_of(detailed, registration_spacing_mm=spacing_mm)["dice"]
    for pose in MATRIX:
        found = numbers_of(moved(detailed, *pose, size, shift), registration_spacing_mm=spacing_mm)
        assert found["dice"] == pytest.approx(unmoved, abs=WITHIN), pose
        assert found["starts_tried"] == 1, pose
