import pytest

from ldae.cohort.disk import check_level, fingerprint, group_files, list_files
from ldae.errors import UserError
from tests.adni_download import SLICES, write_series

PTID = "011_S_0021"


def test_the_right_level_passes(tmp_path):
    write_series(tmp_path, PTID, 10)
    check_level(tmp_path)


@pytest.mark.parametrize("above", ["ADNI", "download/ADNI"])
def test_a_level_too_high_names_the_right_folder(tmp_path, above):
    write_series(tmp_path / above, PTID, 10)
    with pytest.raises(UserError) as error:
        check_level(tmp_path)
    assert error.value.cure.endswith(str(tmp_path / above))


@pytest.mark.parametrize("below", [PTID, f"{PTID}/MP-RAGE", f"{PTID}/MP-RAGE/2010-03-02_10_00_00.0"])
def test_a_level_too_low_names_the_right_folder(tmp_path, below):
    write_series(tmp_path, PTID, 10)
    with pytest.raises(UserError) as error:
        check_level(tmp_path / below)
    assert error.value.cure.endswith(str(tmp_path))


def test_folders_without_subjects_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path, tmp_path / "empty", tmp_path / "absent"):
        with pytest.raises(UserError, match="cohort.dicom_dir"):
            check_level(folder)


def test_one_row_an_image_and_folder(tmp_path):
    write_series(tmp_path, PTID, 10)
    write_series(tmp_path, "012_S_0345", 11)
    (tmp_path / "notes").mkdir()
    table = list_files(tmp_path)
    assert table[["ptid", "image_id", "files"]].to_numpy().tolist() == [
        [PTID, "10", SLICES],
        ["012_S_0345", "11", SLICES],
    ]


def test_the_hash_notices_a_replaced_file_and_nothing_else(tmp_path):
    first, second = write_series(tmp_path, PTID, 10), write_series(tmp_path, PTID, 11)
    before = list_files(tmp_path)["files_hash"]
    assert (list_files(tmp_path)["files_hash"] == before).all()
    second[0].write_bytes(second[0].read_bytes() + b"\0")
    after = list_files(tmp_path)["files_hash"]
    assert first and after[0] == before[0] and after[1] != before[1]


def test_image_ids_stand_in_file_or_folder_names(tmp_path):
    folder = tmp_path / "I42"
    folder.mkdir()
    for name in ("a.DCM", "b.dcm", "x_S1_I7.dcm", "x_I8.nii", "x_I9.xml", ".hidden.dcm", "x_I6.nii.gz"):
        (folder / name).write_bytes(b"")
    found = {key: len(entries) for key, entries in group_files(folder).items()}
    assert found == {("42", "dcm"): 2, ("7", "dcm"): 1, ("8", "nii"): 1, ("6", "nii"): 1}


def test_the_fingerprint_notices_files_and_folders_anywhere(tmp_path):
    paths = write_series(tmp_path, PTID, 10)
    seen = [fingerprint(tmp_path)]
    assert fingerprint(tmp_path) == seen[0]
    for change in (
        lambda: paths[0].unlink(),
        lambda: (paths[1].parent / "new.dcm").touch(),
        lambda: write_series(tmp_path, PTID, 11),
        lambda: write_series(tmp_path, "012_S_0345", 12),
        lambda: (tmp_path / "012_S_0345").rename(tmp_path / "012_S_0346"),
    ):
        change()
        seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == len(seen)
