import json

import nibabel as nib
import numpy as np
import pytest

from ldae.cohort.bids.choice import explain, matches, order
from ldae.cohort.bids.images import list_images
from tests.bids_dataset import write_image


def head(voxel_mm, shape=None):
    """An image of a whole head, packed small, with these voxels."""
    shape = shape or [round(180 / size) for size in voxel_mm]
    affine = np.diag([*voxel_mm, 1.0])
    image = nib.Nifti1Image(np.zeros(shape, np.uint8), affine)
    image.set_sform(affine, 1), image.set_qform(affine, 1)
    return image


ISO, FINE, SLAB = head((1, 1, 1)), head((0.7, 0.7, 0.7)), head((0.9, 0.9, 3.5), (200, 200, 48))


def choose(root, images, prefer=(), sidecars=()):
    """Name, choice and reasons, by the middle of the name, of a session's images."""
    for name, image in images.items():
        write_image(root, f"sub-01{name}_T1w", image)
    for name, content in dict(sidecars).items():
        (root / f"sub-01/anat/sub-01{name}_T1w.json").write_text(json.dumps(content))
    ordered = order(list_images(root)["01", "M000"], prefer)
    why, reasons = explain(ordered, prefer)
    return ordered[0].entities, why, {image.entities: reason for image, reason in reasons.items()}


@pytest.mark.parametrize(
    "used, other, why, lacks",
    [
        (("_acq-mprage_rec-norm", ISO), ("_acq-ax2d", SLAB), "slices of 2 mm or less", "0.9 x 0.9 x 3.5 mm"),
        (("_acq-mprage_rec-norm", ISO), ("", SLAB), "slices of 2 mm or less", "3.5 mm"),
        (("_acq-mprage_rec-norm", ISO), ("_ce-gd", ISO), "no contrast agent", "one by its name"),
        (("_acq-mprage_rec-norm", ISO), ("_acq-postGd", FINE), "no contrast agent", "one by its name"),
        (("_acq-b_run-2", ISO), ("_acq-a", head((1, 1, 1), (180, 180, 125))), "a field of view", "180 x 180 x 125 mm"),
        (("_acq-highres", FINE), ("", ISO), "the finest voxels", "1 x 1 x 1 mm"),
        (("_acq-sag", head((1, 1.2, 1))), ("", head((0.5, 0.5, 1.5))), "the finest voxels", "1.5 mm"),
        (("_acq-x", ISO), ("_desc-preproc", FINE), "an original image", "derived, by desc- in its name"),
        (("_acq-x_run-2", ISO), ("_space-MNI", FINE), "an original image", "derived, by space- in its name"),
        (("_acq-x_run-2", ISO), ("_rec-defaced", ISO), "an original image", "defaced or stripped, by rec-"),
        (("_acq-x_run-2", ISO), ("_chunk-1", ISO), "an original image", "a part, by chunk-"),
        (("_acq-x_run-2", ISO), ("_inv-1", ISO), "an original image", "a part, by inv-"),
        (("_acq-x_run-2", ISO), ("_mt-on", ISO), "a T1-weighted head", "magnetisation transfer, by mt-on"),
        (("_mt-off", ISO), ("_acq-x_mt-on", FINE), "a T1-weighted head", "magnetisation transfer, by mt-on"),
        (("_acq-x_run-2", ISO), ("_acq-loc1", FINE), "a T1-weighted head", "another kind or part, by acq-loc1"),
        (("_acq-x_run-2", ISO), ("_acq-slab", FINE), "a T1-weighted head", "another kind or part, by acq-slab"),
        (("_acq-z_run-2", ISO), ("_acq-t1+C", FINE), "no contrast agent", "one by its name"),
        (("_acq-standard", ISO), ("_acq-headmotion1", FINE), "no spoilt scan", "spoilt, by acq-headmotion1"),
        (("_acq-motioncorr", ISO), ("_acq-standard", ISO), "the first name", "acq-standard"),
        (("_acq-x_run-2", ISO), ("_echo-1", ISO), "no echo, or the first", "echo 1"),
        (("_echo-1", ISO), ("_echo-2", FINE), "no echo, or the first", "echo 2"),
        (("_acq-wholebrain", ISO), ("_acq-x_rec-y", ISO), "the fewest entities", "2"),
        (("", ISO), ("_rec-norm", ISO), "the fewest entities", "1"),
        (("_acq-a_run-2", ISO), ("_acq-b_run-1", ISO), "the first name", "acq-b"),
        (("_run-2", ISO), ("_run-10", ISO), "the first run", "10"),
        (("_ce-none", ISO), ("_acq-a_rec-b", ISO), "the fewest entities", "2"),
        (("_ce-gd", ISO), ("", SLAB), "slices of 2 mm or less", "3.5 mm"),
        (("_acq-b", SLAB), ("_acq-a", head((1, 1, 4), (180, 180, 45))), "the finest voxels", "4 mm"),
    ],
)
def test_what_the_image_is_goes_before_its_name(tmp_path, used, other, why, lacks):
    first, choice, reasons = choose(tmp_path, dict([used, other]))
    assert first == used[0]
    assert choice.startswith("first of 2: ") and why in choice
    (reason,) = reasons.values()
    assert reason.startswith(f"sub-01{used[0]}_T1w.nii.gz of this session is used: {why}")
    assert "this one: " in reason and lacks in reason.split("this one: ")[1]


@pytest.mark.parametrize(
    "content, why, lacks",
    [
        ({"ContrastBolusIngredient": "GADOLINIUM"}, "no contrast agent", "one by its JSON file"),
        ({"ContrastBolusAgent": "8 ml X"}, "no contrast agent", "one by its JSON file"),
        ({"ContrastBolusVolume": 8}, "no contrast agent", "one by its JSON file"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, "an original image", "derived (ImageType)"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "a T1-weighted head", "a phase image (ImageType)"),
        ({"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER"}, "a T1-weighted head", "a localiser (ImageType)"),
        ({"EchoTime": 0.1}, "a T1-weighted head", "EchoTime 100 ms"),
    ],
)
def test_json_files_say_what_the_image_is(tmp_path, content, why, lacks):
    first, choice, reasons = choose(tmp_path, {"": ISO, "_acq-x_run-1": ISO}, sidecars={"": content})
    assert first == "_acq-x_run-1" and why in choice and lacks in reasons[""]
    assert "8 ml" not in reasons[""]


@pytest.mark.parametrize(
    "content",
    [
        *({"ContrastBolusAgent": value} for value in ("", "NO", "None", "n/a", [], None)),
        *({"ContrastBolusVolume": 0}, {"ImageType": ["ORIGINAL", "PRIMARY", "M", "NORM"]}, {"ImageType": None}, [], 7),
    ],
)
def test_json_files_that_say_nothing_of_it(tmp_path, content):
    assert choose(tmp_path, {"": ISO, "_acq-x": ISO}, sidecars={"": content})[0] == ""


def test_the_agent_of_the_whole_dataset_is_overruled_beside_the_image(tmp_path):
    (tmp_path / "T1w.json").write_text('{"ContrastBolusAgent": "X"}')
    assert (
        choose(tmp_path, {"": ISO, "_acq-x": ISO}, sidecars={"_acq-x": {"ContrastBolusAgent": "none"}})[0] == "_acq-x"
    )


@pytest.mark.parametrize(
    "prefer, first",
    [
        (["acq-ax2d"], "_acq-ax2d"),
        (["rec-x", "ce-*"], "_ce-gd"),
        (["acq-MP*_run-1"], "_acq-mprage_run-01"),
        (["acq-other"], "_acq-mprage_run-01"),
        (["acq-mprage_run-2", "ce-gd", "acq-ax2d"], "_ce-gd"),
    ],
)
def test_the_config_may_prefer_names(tmp_path, prefer, first):
    images = {"_acq-ax2d": SLAB, "_ce-gd": ISO, "_acq-mprage_run-01": ISO}
    found, choice, reasons = choose(tmp_path, images, prefer)
    assert found == first
    assert ("cohort.prefer" in choice) == (prefer != ["acq-other"])
    assert len(reasons) == 2


def test_preferences_that_all_have_decide_nothing(tmp_path):
    assert choose(tmp_path, {"_acq-a": SLAB, "_acq-a_run-2": ISO}, ["acq-a"])[0] == "_acq-a_run-2"


def test_the_first_image_of_a_session_follows_a_fixed_order(tmp_path):
    names = ["sub-01_T1w", "sub-01_run-2_T1w", "sub-01_run-10_T1w", "sub-01_acq-a_run-1_T1w", "sub-01_acq-b_T1w"]
    names += ["sub-01_acq-a_rec-norm_T1w"]
    for name in reversed(names):
        write_image(tmp_path, name)
    assert [image.name for image in order(list_images(tmp_path)["01", "M000"])] == names


def test_broken_images_come_last_and_say_why(tmp_path):
    write_image(tmp_path, "sub-01_run-1_T1w").write_bytes(b"")
    write_image(tmp_path, "sub-01_part-phase_T1w", ISO)
    write_image(tmp_path, "sub-01_acq-x_run-2_T1w", ISO)
    first, *others = order(list_images(tmp_path)["01", "M000"])
    assert first.name == "sub-01_acq-x_run-2_T1w" and explain([first, *others])[0] == "the only sound T1w image"
    assert all(image.fault and image.cure for image in others)
    assert any("part-phase" in image.fault for image in others)


@pytest.mark.parametrize("damaged", [True, False])
def test_a_packed_and_an_unpacked_file_of_one_name(tmp_path, damaged):
    packed = write_image(tmp_path, "sub-01_T1w", ISO)
    nib.save(ISO, packed.with_suffix(""))
    if damaged:
        packed.write_bytes(packed.read_bytes()[:100])
    first, other = order(list_images(tmp_path)["01", "M000"])
    assert first.path.name == ("sub-01_T1w.nii" if damaged else "sub-01_T1w.nii.gz")
    assert damaged or "sub-01_T1w.nii.gz of this session is used" in explain([first, other])[1][other]


def test_patterns_match_whole_labels():
    labels = {"acq": "t1mprage", "run": "02"}
    assert matches("acq-*mprage_run-2", labels) and matches("run-02", labels)
    assert not any(matches(pattern, labels) for pattern in ("acq-mprage", "run-1", "rec-*x", "acq-t1mprage_rec-norm"))
