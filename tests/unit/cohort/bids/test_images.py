import numpy as np
import pytest

from ldae.cohort.bids.images import list_empty, list_images
from tests.bids_dataset import AFFINE, write_image
from tests.damage import rewrite_forms


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


LAS = AFFINE @ np.diag([-1, 1, 1, 1])
NAN, FLAT = AFFINE.copy(), AFFINE.copy()
NAN[0, 0], FLAT[1] = np.nan, 0
UNSOUND = {
    "no form": ((None, None), "codes 0"),
    "mirrored": ((AFFINE, LAS), "sform RAS and qform LAS"),
    "NaN in the sform": ((NAN, AFFINE), "not finite"),
    "a row of zeros": ((FLAT, AFFINE), "spans no volume"),
    "5 % larger": (
        (AFFINE @ np.diag([1.05, 1.05, 1.05, 1]), AFFINE),
        "4 x 4 x 4 mm by pixdim and qform, 4.2 x 4.2 x 4.2",
    ),
    "a slab": ((None, AFFINE @ np.diag([1, 1, 0.7, 1])), "a slab"),
}


@pytest.mark.parametrize("forms, expected", UNSOUND.values(), ids=UNSOUND)
def test_an_image_whose_header_is_unsound_is_broken_and_costs_no_other(tmp_path, forms, expected):
    rewrite_forms(write_image(tmp_path, "sub-01_T1w"), *forms)
    write_image(tmp_path, "sub-02_T1w")
    images = list_images(tmp_path)
    assert expected in images["01", "M000"][0].fault
    assert images["01", "M000"][0].cure
    assert not images["02", "M000"][0].fault
