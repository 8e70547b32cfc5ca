import nibabel as nib
import numpy as np
import pytest

from ldae.cohort.bids.images import list_empty, list_images, orientation_of
from ldae.cohort.series.dicom import BrokenSeries
from tests.bids_dataset import AFFINE, write_image


def names(root):
    return {key: [image.name for image in images] for key, images in list_images(root).items()}


def test_images_are_listed_by_subject_and_session(tmp_path):
    for name in ("sub-02_T1w", "sub-01_ses-pre_T1w", "sub-01_ses-post_T1w"):
        write_image(tmp_path, name)
    assert list(names(tmp_path)) == [("01", "post"), ("01", "pre"), ("02", "M000")]


@pytest.mark.parametrize("name", ["sub-02_T1w", "sub-01_ses-M000_T1w", "sub-01_my_scan_T1w", "sub-01_acq-a-b_T1w"])
def test_names_that_do_not_follow_bids_are_said(tmp_path, name):
    path = write_image(tmp_path, "sub-01_T1w")
    path.rename(path.with_name(f"{name}.nii.gz"))
    (image,) = list_images(tmp_path)["01", "M000"]
    assert image.fault.startswith("the name is not sub-01")


def test_plus_signs_are_part_of_labels(tmp_path):
    write_image(tmp_path, "sub-a+b_ses-1+2_acq-t1+t2_T1w")
    (image,) = list_images(tmp_path)["a+b", "1+2"]
    assert not image.fault and image.entities == "_acq-t1+t2"


def test_labels_must_be_letters_and_digits(tmp_path):
    write_image(tmp_path, "sub-01-a_T1w")
    assert all(image.fault for images in list_images(tmp_path).values() for image in images)


def test_empty_anat_folders_stand_for_lost_images(tmp_path):
    write_image(tmp_path, "sub-01_ses-M000_T1w")
    (tmp_path / "sub-01/ses-M012/anat").mkdir(parents=True)
    (tmp_path / "sub-02/anat").mkdir(parents=True)
    assert [(image.subject, image.session, image.name) for image in list_empty(tmp_path)] == [
        ("01", "M012", "sub-01_ses-M012_T1w"),
        ("02", "M000", "sub-02_T1w"),
    ]


def image_with(sform=None, qform=None):
    image = nib.Nifti1Image(np.ones((40, 40, 40), np.int16), None)
    image.header.set_zooms((5, 5, 5))
    image.set_sform(sform, code=1 if sform is not None else 0)
    image.set_qform(qform, code=1 if qform is not None else 0)
    return image


LAS = AFFINE @ np.diag([-1, 1, 1, 1])


@pytest.mark.parametrize(
    "sform, qform, expected",
    [(AFFINE, None, "RAS (sform)"), (None, LAS, "LAS (qform)"), (LAS, LAS, "LAS (sform)")],
)
def test_the_orientation_is_read_from_the_header(tmp_path, sform, qform, expected):
    assert orientation_of(write_image(tmp_path, "sub-01_T1w", image_with(sform, qform))) == expected


@pytest.mark.parametrize("sform, qform, expected", [(None, None, "codes 0"), (AFFINE, LAS, "sform RAS and qform LAS")])
def test_where_left_and_right_cannot_be_told_the_image_is_broken(tmp_path, sform, qform, expected):
    path = write_image(tmp_path, "sub-01_T1w", image_with(sform, qform))
    with pytest.raises(BrokenSeries, match=expected):
        orientation_of(path)
    assert expected in list_images(tmp_path)["01", "M000"][0].fault
