import pytest

from ldae.cohort.disk import check_level, find_files, fingerprint, group_files, list_files, list_others, place_of
from ldae.errors import UserError
from tests.adni_download import SLICES, write_series

PTID = "011_S_0021"


def test_the_right_level_passes(tmp_path):
    write_series(tmp_path, PTID, 10)
    check_level(tmp_path)


@pytest.mark.parametrize("above, place", [("ADNI", "ADNI"), ("Roe^Jane/ADNI", "(2 of 2)/ADNI")])
def test_a_level_too_high_tells_the_right_folder(tmp_path, above, place):
    write_series(tmp_path / above, PTID, 10)
    (tmp_path / "Doe").mkdir()
    with pytest.raises(UserError) as error:
        check_level(tmp_path)
    assert f"{tmp_path}/{place}" in error.value.cure and "Roe" not in str(error.value)


def test_a_place_has_no_names_but_those_of_adni_and_can_be_counted_out(tmp_path):
    first = write_series(tmp_path, PTID, 10)[0].parent
    moved = first.rename(first.with_name("Roe^Jane_1947-03-12"))
    (first.with_name("I11")).mkdir()
    assert place_of(moved, tmp_path) == f"{PTID}/(1 of 1)/(1 of 1)/(2 of 2)"
    assert place_of(first, tmp_path) == f"{PTID}/(1 of 1)/(1 of 1)/I10"


@pytest.mark.parametrize("name", ["Roe^Jane.13MAR2006", "scan.1947-03-12", "x.jane"])
def test_a_suffix_that_is_no_known_format_is_not_told(tmp_path, name):
    folder = tmp_path / PTID / "MP-RAGE" / "I77"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"x")
    assert list_files(tmp_path)["format"].tolist() == ["other"]


def test_the_files_of_an_image_are_found_without_its_folder(tmp_path):
    paths = write_series(tmp_path, PTID, 10)
    stray = tmp_path / PTID / "a stray"
    stray.mkdir()
    (stray / paths[0].name).write_bytes(b"")
    listed = list_files(tmp_path)
    assert len(listed) == 2
    for image in listed.drop(columns=["folder", "place"]).to_dict("records"):
        found = find_files(image, tmp_path)
        assert found == (sorted(paths) if image["files"] > 1 else [stray / paths[0].name])
    assert find_files(image | {"files_hash": "changed"}, tmp_path) == sorted(paths)
    assert find_files(image | {"image_id": "11"}, tmp_path) == []


@pytest.mark.parametrize("below", [PTID, f"{PTID}/MP-RAGE", f"{PTID}/MP-RAGE/2010-03-02_10_00_00.0"])
def test_a_level_too_low_names_the_right_folder(tmp_path, below):
    write_series(tmp_path, PTID, 10)
    with pytest.raises(UserError) as error:
        check_level(tmp_path / below)
    assert error.value.cure.endswith(str(tmp_path))


def test_folders_without_subjects_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path, tmp_path / "empty", tmp_path / "absent"):
        with pytest.raises(UserError, match=r"cohort\.dicom_dir"):
            check_level(folder)


def test_one_row_per_image_and_folder(tmp_path):
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
    assert first
    assert after[0] == before[0]
    assert after[1] != before[1]


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
        lambda: (tmp_path / PTID / "MP-RAGE" / "loose.dcm").touch(),
        lambda: write_series(tmp_path, PTID, 11),
        lambda: write_series(tmp_path, "012_S_0345", 12),
        lambda: (tmp_path / "012_S_0345").rename(tmp_path / "012_S_0346"),
    ):
        change()
        seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == len(seen)


def test_series_ids_stand_in_the_file_names(tmp_path):
    paths = write_series(tmp_path, PTID, 10)
    assert list_files(tmp_path)["series_id"].tolist() == ["510"]
    paths[0].rename(paths[0].with_name("x_S7_I10.dcm"))
    assert list_files(tmp_path)["series_id"].tolist() == [""], "two of them"


def test_folders_without_image_files_have_a_row_by_suffix(tmp_path):
    for name in ("I1/a_I1.mnc", "I2/b.zip", "c/IM0001", "d/note.xml"):
        (tmp_path / PTID / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / PTID / name).write_bytes(b"")
    rows = list_files(tmp_path)[["image_id", "format"]].to_numpy().tolist()
    assert sorted(rows) == [["", "none"], ["1", "mnc"], ["2", "zip"]]


def test_linked_folders_are_followed_but_never_in_a_circle(tmp_path):
    write_series(tmp_path / "elsewhere", PTID, 10)
    (tmp_path / "images" / PTID).mkdir(parents=True)
    (tmp_path / "images" / PTID / "linked").symlink_to(tmp_path / "elsewhere" / PTID)
    (tmp_path / "elsewhere" / PTID / "up").symlink_to(tmp_path / "elsewhere")
    assert list_files(tmp_path / "images")["image_id"].tolist() == ["10"]


def test_links_to_nothing_are_files_of_the_image(tmp_path):
    paths = write_series(tmp_path, PTID, 10)
    before = list_files(tmp_path)
    paths[3].unlink()
    paths[3].symlink_to("gone.dcm")
    after = list_files(tmp_path)
    assert after["files"].tolist() == [SLICES]
    assert after["files_hash"][0] != before["files_hash"][0]


def test_what_lies_beside_the_subjects_is_listed(tmp_path):
    write_series(tmp_path, PTID, 10)
    write_series(tmp_path / "more", PTID, 11)
    (tmp_path / "readme.txt").write_text("")
    assert list_others(tmp_path) == (["more"], ["readme.txt"])
