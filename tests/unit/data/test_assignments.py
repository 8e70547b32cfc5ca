import pytest

from ldae.data.assignments import read_assignments
from ldae.errors import UserError, UserErrors


@pytest.fixture
def write(tmp_path):
    def run(content):
        path = tmp_path / "split.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return run


def test_prefixes_spaces_and_repeated_rows_are_taken(write):
    path = write("\ufeffsubject,split\nsub-01, train\n\n02,test \n02,test\n,\n")
    assert {name: (row.split, row.line) for name, row in read_assignments(path).items()} == {
        "01": ("train", 2),
        "02": ("test", 4),
    }


def test_a_header_alone_assigns_nobody(write):
    assert read_assignments(write("subject,split\n")) == {}


def test_all_contradictions_are_told_at_once_with_lines_and_sides(write):
    path = write("subject,split\nA,train\nB,Test\nA,test\nsub-C,train\nC,train\nD,\n,test\n")
    with pytest.raises(UserErrors) as raised:
        read_assignments(path)
    told = {error.where.removeprefix(f"{path}: "): error for error in raised.value.errors}
    assert set(told) == {"line 3", "lines 2, 4", "lines 5, 6", "line 7", "line 8"}
    assert told["lines 2, 4"].found == "train for A and test for A"
    assert told["lines 5, 6"].found == "train for sub-C and train for C"
    assert "spelling" in told["lines 5, 6"].expected
    assert "'Test' for B" in told["line 3"].found
    assert "validation" in told["line 3"].expected
    assert all(error.cure for error in raised.value.errors)


@pytest.mark.parametrize("content", [b"\xff\xfes", b"subject;split\nA;train\n", b"", b'subject,split\n"A,train\nB'])
def test_what_is_no_such_table_is_said(write, content):
    path = write(content)
    with pytest.raises(UserError) as raised:
        read_assignments(path)
    assert str(path) in str(raised.value)
