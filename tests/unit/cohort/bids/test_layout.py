import pytest

from ldae.cohort.bids.layout import check_dataset, find_images, fingerprint, fingerprint_images
from ldae.errors import UserError
from tests.bids_dataset import describe, write_image, write_tsv


@pytest.fixture
def dataset(tmp_path):
    root = describe(tmp_path / "study" / "rawdata")
    for name in ("sub-01_T1w", "sub-02_ses-M000_T1w", "sub-02_ses-M000_T2w"):
        write_image(root, name)
    write_tsv(root / "participants.tsv", "participant_id age", "sub-01 70")
    return root


def test_images_are_found_with_and_without_session_level(dataset):
    write_image(dataset / "derivatives" / "other", "sub-01_T1w")
    assert sorted(path.name for path in find_images(dataset)) == ["sub-01_T1w.nii.gz", "sub-02_ses-M000_T1w.nii.gz"]


def test_the_fingerprint_notices_images_and_tables(dataset):
    seen = [fingerprint(dataset)]
    assert fingerprint(dataset) == seen[0]
    write_tsv(dataset / "derivatives" / "other.tsv", "a")
    assert fingerprint(dataset) == seen[0]
    image = dataset / "sub-01/anat/sub-01_T1w.nii.gz"
    for change in (
        lambda: write_image(dataset, "sub-02_ses-M012_T1w"),
        lambda: image.write_bytes(b"other"),
        lambda: write_tsv(dataset / "participants.tsv", "participant_id age", "sub-01 71"),
        lambda: write_tsv(dataset / "sub-02/sub-02_sessions.tsv", "session_id age", "ses-M000 71"),
        image.unlink,
        lambda: image.symlink_to(dataset.parent / "absent"),
        lambda: (dataset.parent / "absent").touch(),
    ):
        change()
        seen.append(fingerprint(dataset))
    assert len(set(seen)) == len(seen)


def test_the_images_have_a_fingerprint_of_their_own(dataset):
    seen = [fingerprint_images(dataset)]
    whole = [fingerprint(dataset)]
    image = dataset / "sub-01/anat/sub-01_T1w.nii.gz"
    for correct in (
        lambda: write_tsv(dataset / "participants.tsv", "participant_id age", "sub-01 71"),
        lambda: write_tsv(dataset / "sub-02/sub-02_sessions.tsv", "session_id age", "ses-M000 71"),
        lambda: image.with_name("sub-01_T1w.json").write_text("{}"),
    ):
        correct()
        whole.append(fingerprint(dataset))
        assert fingerprint_images(dataset) == seen[0]
    assert len(set(whole)) == len(whole)
    for change in (
        lambda: image.write_bytes(b"other"),
        lambda: write_image(dataset, "sub-02_ses-M012_T1w"),
        image.unlink,
    ):
        change()
        seen.append(fingerprint_images(dataset))
    assert len(set(seen)) == len(seen)


def test_what_the_choice_of_several_images_takes_of_json_is_in_their_fingerprint(dataset):
    beside = dataset / "sub-01/anat/sub-01_T1w.json"
    agent = '{"ContrastBolusAgent": "X"}'
    before = fingerprint_images(dataset)
    beside.write_text(agent)
    assert fingerprint_images(dataset) == before
    write_image(dataset, "sub-01_run-2_T1w")
    seen = [fingerprint_images(dataset)]
    for text in ("{}", '{"MagneticFieldStrength": 3}', "no JSON"):
        beside.write_text(text)
        seen.append(fingerprint_images(dataset))
    assert seen[0] != seen[1] and len(set(seen[1:])) == 1
    (dataset / "T1w.json").write_text(agent)
    assert fingerprint_images(dataset) not in seen


def test_a_sound_dataset_passes(dataset):
    check_dataset(dataset)


@pytest.mark.parametrize("level", ["..", "sub-02", "sub-02/ses-M000"])
def test_a_wrong_level_is_told_with_the_right_one(dataset, level):
    with pytest.raises(UserError) as raised:
        check_dataset(dataset / level)
    right = "to its folder (1 of 1), counted by name" if level == ".." else "rawdata"
    assert raised.value.cure.endswith(right)


def test_all_that_is_missing_is_told_at_once(tmp_path):
    (tmp_path / "sub-01" / "func").mkdir(parents=True)
    with pytest.raises(UserError) as raised:
        check_dataset(tmp_path)
    assert "no dataset_description.json" in str(raised.value)
    assert "no T1w image in 1 sub-* folders" in str(raised.value)
    with pytest.raises(UserError, match="no such folder"):
        check_dataset(tmp_path / "absent")
