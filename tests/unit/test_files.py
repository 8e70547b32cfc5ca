import csv
import hashlib

import pandas as pd
import pytest

from ldae import files
from ldae.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    files.write_text(path, "old")

    def fail():
        with files.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_atomic_path_keeps_suffixes_and_makes_folders(tmp_path):
    path = tmp_path / "a" / "b" / "image.nii.gz"
    with files.atomic_path(path) as temporary:
        assert temporary.name == "image.nii.gz"
        assert temporary.parent.parent == path.parent  # on one file system, where a rename is atomic
        temporary.write_bytes(b"x")
        assert not path.exists()
    assert path.read_bytes() == b"x"


def test_who_reads_the_old_file_goes_on_reading_it(tmp_path):
    """A new file takes the name; the old one is not written over."""
    path = tmp_path / "table.csv"
    files.write_text(path, "old")
    with path.open() as reader:
        files.write_text(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_writing_nothing_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), files.atomic_path(tmp_path / "never.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name, missing", [("t.csv", "a,\n"), ("t.tsv", "a\tn/a\n")])
def test_tables_keep_their_content(tmp_path, name, missing):
    table = pd.DataFrame({"subject": ["a", "b"], "age": [None, 70.5]})
    files.write_table(tmp_path / name, table)
    assert missing in (tmp_path / name).read_text()
    pd.testing.assert_frame_equal(files.read_table(tmp_path / name, ("subject", "age")), table)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
def test_a_subject_may_be_called_na(tmp_path, name):
    table = pd.DataFrame({"subject": ["NA", "null", "nan", "None"], "site": ["NA", float("nan"), "-", "x"]})
    files.write_table(tmp_path / name, table)
    pd.testing.assert_frame_equal(files.read_table(tmp_path / name, ("subject",)), table)


@pytest.mark.parametrize(
    "content, found", [(None, "no such file"), ("", "an empty file"), ("a,b\n1,2\n", "no column c")]
)
def test_a_bad_table_is_explained(tmp_path, content, found):
    path = tmp_path / "clinical.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError) as raised:
        files.read_table(path, ("a", "c"))
    assert found in str(raised.value)
    assert str(path) in str(raised.value)


def test_json_round_trip_is_the_same_text_whatever_the_order(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None]})
    files.write_json(tmp_path / "b.json", {"a": [1.5, None], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert files.read_json(tmp_path / "a.json") == {"a": [1.5, None], "b": 1}


def test_hashes_follow_the_content(tmp_path):
    (tmp_path / "x").write_bytes(b"content")
    assert files.hash_file(tmp_path / "x") == hashlib.sha256(b"content").hexdigest()
    assert files.hash_content({"a": 1, "b": 2}) == files.hash_content({"b": 2, "a": 1})
    assert files.hash_content({"a": 1}) != files.hash_content({"a": 2})


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b"[1]"])
def test_a_record_that_is_absent_or_damaged_counts_as_none(tmp_path, content):
    if content is not None:
        (tmp_path / "record.json").write_bytes(content)
    assert files.read_record(tmp_path / "record.json") is None


def test_a_whole_record_is_read(tmp_path):
    files.write_json(tmp_path / "record.json", {"Key": "a"})
    assert files.read_record(tmp_path / "record.json") == {"Key": "a"}


@pytest.mark.parametrize("name", ["table.csv", "table.tsv"])
def test_no_cell_is_a_formula_for_a_spreadsheet_and_each_is_read_as_it_was(tmp_path, name):
    formulas = ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "'=1", "''-x"]
    texts = [*formulas, "-4.5", "+3", "plain", "it's", float("nan")]
    table = pd.DataFrame({"text": texts, "number": range(-12, 0)})
    files.write_table(tmp_path / name, table)
    with (tmp_path / name).open(newline="") as stream:
        cells = [row[0] for row in csv.reader(stream, delimiter="\t" if name.endswith(".tsv") else ",")]
    assert [cell[0] for cell in cells[1 : 1 + len(formulas)]] == ["'"] * len(formulas)
    assert cells[1 + len(formulas) : -1] == ["-4.5", "+3", "plain", "it's"]
    pd.testing.assert_frame_equal(files.read_table(tmp_path / name), table)


def test_labels_are_text_whatever_they_look_like(tmp_path):
    labels = ["001", "1e5", "True", "inf", "+7", "0x10", "1_000", "NaN", "2010-01-01", "+x", "=", "٣"]
    table = pd.DataFrame(dict.fromkeys(("subject", "session", "image_id"), labels) | {"slices": 3})
    files.write_table(tmp_path / "a.csv", table)
    pd.testing.assert_frame_equal(files.read_table(tmp_path / "a.csv", dtype={"slices": int}), table)


MALFORMED = {
    "a comma in the first row": b"a,b\n1,x,y\n1,2\n",
    "a comma in a later row": b"a,b\n1,2\n1,x,y\n",
    "semicolons": b"a;b\n1;2\n",
    "an open quotation": b'a,b\n1,"2\n',
    "NUL": b"a,b\n1,\0\n",
    "UTF-16": "a,b\n1,2\n".encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + "a,b\n1,2\n".encode("utf-16-be"),
    "Latin-1": "a,b\n1,é\n".encode("latin-1"),
    "no text": bytes(range(1, 256)),
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf",
    "empty lines": b"\n\n\n",
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_table_is_refused_with_its_name_and_none_of_its_cells(tmp_path, fault):
    path = tmp_path / "clinical.csv"
    path.write_bytes(MALFORMED[fault].replace(b"x", b"Roe^Jane"))
    with pytest.raises(UserError) as raised:
        files.read_table(path, ("a", "b"))
    assert str(path) in str(raised.value) and raised.value.cure
    assert "Roe" not in str(raised.value)


def test_commas_at_the_end_of_all_rows_are_no_cells(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2,\n3,4,\n")
    assert files.read_table(tmp_path / "a.csv").to_numpy().tolist() == [[1, 2], [3, 4]]
