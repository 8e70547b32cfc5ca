"""A part of a cohort."""

from itertools import pairwise

import pytest

from ldae.cohort.pilot import EVERYBODY, Pilot, read_exclusions, read_names
from ldae.errors import UserError

NAMES = {f"ADNI011S{number:04d}": f"011_S_{number:04d}" for number in range(40)}


def test_nobody_is_left_out_unless_asked():
    assert EVERYBODY.choose_subjects(NAMES) == set(NAMES)
    assert EVERYBODY.choose_sessions(["M000", "M012"]) == {"M000", "M012"}
    assert EVERYBODY.describe(40, 50, 50) == ""


@pytest.mark.parametrize("name", ["011_S_0003", "ADNI011S0003", "sub-ADNI011S0003"])
def test_a_subject_may_be_named_as_the_download_or_as_bids_does(name):
    assert Pilot([name, "011_S_0007"]).choose_subjects(NAMES) == {"ADNI011S0003", "ADNI011S0007"}


def test_a_subject_called_na_is_a_subject():
    assert Pilot(["NA"]).choose_subjects({"NA": "NA", "null": "null"}) == {"NA"}


def test_a_larger_number_keeps_those_of_a_smaller_one():
    drawn = [Pilot(number, seed=3).choose_subjects(NAMES) for number in (1, 5, 12, 400)]
    assert [len(each) for each in drawn] == [1, 5, 12, 40]
    assert all(smaller < larger for smaller, larger in pairwise(drawn))


def test_the_draw_depends_on_the_seed_and_the_subject_alone():
    drawn = Pilot(12, seed=3).choose_subjects(NAMES)
    assert drawn == Pilot(12, seed=3).choose_subjects(dict(reversed(NAMES.items())))
    assert drawn != Pilot(12, seed=4).choose_subjects(NAMES)
    fewer = {label: code for label, code in NAMES.items() if label in drawn}
    assert Pilot(12, seed=3).choose_subjects(fewer) == drawn


def test_a_session_may_be_named_with_its_prefix():
    assert Pilot(sessions=["ses-M012", "M000"]).choose_sessions(["M000", "M006", "M012"]) == {"M000", "M012"}


def test_who_is_not_there_is_named():
    with pytest.raises(UserError) as error:
        Pilot(["011_S_0001", "011_S_9999", "nobody"]).choose_subjects(NAMES)
    assert error.value.where == "cohort.subjects"
    assert "2 that are not: 011_S_9999, nobody" in error.value.found
    with pytest.raises(UserError, match="M013"):
        Pilot(sessions=["M013"]).choose_sessions(["M000"])


def test_what_is_used_is_said():
    said = Pilot(2, ["M000"]).describe(2, 3, 9)
    assert said == "a pilot, by cohort.subjects and cohort.sessions: 3 of 9 images are used, of 2 subjects"
    assert "cohort.sessions" not in Pilot(["a"]).describe(1, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "011_S_0001\n011_S_0002\n",
        "\ufeff011_S_0001\r\n\r\n  011_S_0002 \r\n# the rest later\n",
        "participant_id\tage\n011_S_0001\t70\n011_S_0002\t71",
        "participant_id,age\n011_S_0001,70\n011_S_0002,71\n",
    ],
)
def test_names_are_read_from_a_file(tmp_path, text):
    (tmp_path / "names.txt").write_text(text, encoding="utf-8", newline="")
    assert read_names("cohort.subjects", str(tmp_path / "names.txt")) == ["011_S_0001", "011_S_0002"]


@pytest.mark.parametrize("value", [None, 7, ["a", "b"]])
def test_other_values_are_as_they_stand(value):
    assert read_names("cohort.subjects", value) == value


@pytest.mark.parametrize("content", [None, b"", b"# nobody\n", b"participant_id\n", b"\xff\xfe\x00x"])
def test_a_file_without_names_is_an_error_that_says_where(tmp_path, content):
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"cohort.sessions: {path}"):
        read_names("cohort.sessions", str(path))


def test_what_is_left_out_has_its_reason():
    pilot = Pilot(exclude=["123, it never ends, ever", "sub-01_ses-M000\tmoved", " 011_S_0003 "])
    assert pilot.why_excluded("9", "123") == "left out by cohort.exclude: it never ends, ever"
    assert pilot.why_excluded("sub-01_ses-M000") == "left out by cohort.exclude: moved"
    assert pilot.why_excluded("011_S_0003") == "left out by cohort.exclude"
    assert pilot.why_excluded("12", "1234", "") == ""


def test_a_file_of_exclusions_keeps_their_reasons(tmp_path, caplog):
    file = tmp_path / "left_out.csv"
    file.write_text("# mine\n\n123,it moves\n124\n", encoding="utf-8-sig")
    pilot = Pilot(exclude=read_exclusions(str(file)))
    assert pilot.excluded == {"123": "it moves", "124": ""}
    pilot.warn_of_unknown({"123"})
    assert "nothing here is called 124" in caplog.text
    assert (read_exclusions(None), read_exclusions(["5"])) == ([], ["5"])
    file.write_text("# nothing\n")
    with pytest.raises(UserError, match="a list of names"):
        read_exclusions(str(file))
