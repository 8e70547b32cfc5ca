"""What a user names as input, as single scans with labels of their own."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ldae.errors import UserError, UserErrors
from ldae.preprocessing.inputs import find_inputs
from tests.adni_download import write_series
from tests.bids_dataset import write_image


@pytest.fixture
def touch(tmp_path):
    def make(*names: str) -> list[Path]:
        paths = [tmp_path / name for name in names]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return paths

    return make


@pytest.mark.parametrize(
    "name, label",
    [
        ("T1.nii.gz", "sub-T1_ses-M000"),
        ("my scan_2.nii", "sub-myscan2_ses-M000"),
        ("sub-01_ses-b_run-2_T1w.nii.gz", "sub-01_ses-b"),
        ("sub-01_T1w.nii.gz", "sub-01_ses-M000"),
        ("sub-a+b_ses-1+_T1w.nii.gz", "sub-a+b_ses-1+"),
        ("_.nii", "sub-scan_ses-M000"),
    ],
)
def test_a_nifti_file_is_called_after_its_name(touch, name, label):
    assert [scan.name for scan in find_inputs(touch(name))] == [label]


def test_equal_names_get_their_folders(touch):
    scans = find_inputs(touch("a/T1.nii", "b/T1.nii", "c.nii"))
    assert [scan.subject for scan in scans] == ["aT1", "bT1", "c"]


def test_names_that_stay_equal_are_refused(touch):
    with pytest.raises(UserError, match="another name for each scan"):
        find_inputs(touch("x/a/T1.nii", "y/a/T1.nii"))


def test_the_same_file_twice_is_one_scan(touch):
    (path,) = touch("T1.nii")
    assert len(find_inputs([path, path.parent])) == 1


def test_each_folder_with_dicom_files_is_one_scan(tmp_path):
    first, second = (write_series(tmp_path / "in", "S", number, slices=2)[0].parent for number in (1, 2))
    (first / "notes.txt").write_text("no image")
    scans = find_inputs([tmp_path / "in"])
    assert [(scan.kind, scan.source, scan.subject) for scan in scans] == [
        ("dicom", first, "I1"),
        ("dicom", second, "I2"),
    ]
    assert [len(scan.files) for scan in scans] == [2, 2]
    assert find_inputs([tmp_path / "in" / "S" / "MP-RAGE" / first.parent.name / "I1"])[0].subject == "I1"


def test_a_table_gives_labels_and_may_hold_folders(touch, tmp_path):
    touch("in/T1.nii")
    write_series(tmp_path / "dicom", "S", 1, slices=2)
    (tmp_path / "scans.csv").write_text("path,subject,session\nin/T1.nii,sub-P_1,ses-2\ndicom,Q,\n")
    assert [scan.name for scan in find_inputs([tmp_path / "scans.csv"])] == ["sub-P1_ses-2", "sub-Q_ses-M000"]


def test_all_that_is_wrong_is_said_at_once(touch, tmp_path):
    touch("a.txt", "empty/b.txt")
    (tmp_path / "scans.csv").write_text("path\nno.nii\nnot.nii\n")
    with pytest.raises(UserErrors) as error:
        find_inputs([tmp_path / name for name in ("a.txt", "empty", "scans.csv", "absent")])
    assert len(error.value.errors) == 5


def test_one_file_of_a_series_is_not_enough(tmp_path):
    with pytest.raises(UserError, match="give the folder"):
        find_inputs([write_series(tmp_path, "S", 1, slices=2)[0]])


def test_a_preprocessed_scan_is_judged_later_by_its_voxels_and_others_now(tmp_path):
    coarse = nib.Nifti1Image(np.ones((16, 20, 16), np.float32), np.diag([12.0, 12, 12, 1]))
    write_image(tmp_path, "sub-01_space-MNI152_desc-preproc_T1w", coarse)
    write_image(tmp_path, "sub-02_T1w", coarse)
    write_image(tmp_path, "sub-03_desc-preproc_T1w", coarse).unlink()
    (tmp_path / "sub-03/anat/sub-03_desc-preproc_T1w.nii.gz").symlink_to(tmp_path / "absent")
    faults = {scan.subject: scan.fault for scan in find_inputs([tmp_path])}
    assert faults["01"] == ""
    assert faults["02"].startswith("voxels of 12 x 12 x 12 mm")
    assert faults["03"].startswith("a link to a file that is not here")
