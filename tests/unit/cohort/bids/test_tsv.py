import pytest

from ldae.cohort.bids.notes import Notes
from ldae.cohort.bids.tsv import CONTRADICTED, read_tsv
from ldae.errors import UserError

NAMES = {"age", "sex"}


def read(tmp_path, content, exact=(), encoding="utf-8"):
    """Columns, rows, and what was noted as (severity, found) and as one text."""
    path = tmp_path / "participants.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    notes = Notes()
    table = read_tsv(path, "participant_id", NAMES, set(exact), notes)
    return table.columns, table.rows, notes.table()


def rows_of(tmp_path, content, **options):
    return read(tmp_path, content, **options)[1]


PLAIN = "participant_id\tage\tsex\nsub-01\t70\tM\nsub-02\t80\tF\nsub-03\t90\tF\n"
EXPECTED = [
    {"participant_id": "sub-01", "age": "70", "sex": "M"},
    {"participant_id": "sub-02", "age": "80", "sex": "F"},
    {"participant_id": "sub-03", "age": "90", "sex": "F"},
]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_however_it_was_saved_the_table_is_the_same(tmp_path, ends, encoding):
    text = PLAIN.replace("\n", ends)
    assert rows_of(tmp_path, text, encoding=encoding) == EXPECTED


@pytest.mark.parametrize("content", [b"\xff\xfep\0\xff", b"participant_id\0age\n", b"participant_id\t\x81\n"])
def test_what_is_no_text_is_an_error(tmp_path, content):
    with pytest.raises(UserError, match="UTF-8"):
        read(tmp_path, content)


@pytest.mark.parametrize("encoding, name", [("cp1252", "Windows-1252"), ("utf-16", "UTF-16")])
def test_other_encodings_are_read_with_a_note(tmp_path, encoding, name):
    _, rows, notes = read(tmp_path, PLAIN.replace("sub-03", "Zoë"), encoding=encoding)
    assert rows[2]["participant_id"] == "Zoë"
    assert notes["severity"].tolist() == ["note"] and name in notes["found"][0]


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("cells", ['{}\t5" tall\t{}', '"{}\tx\t{}', '{}\t"he said ""no""\t{}', '{}\tx"y"z\t{}"'])
def test_a_quotation_mark_never_moves_a_value_to_another_subject(tmp_path, place, cells):
    lines = ["participant_id\tnote\tage", *(f"sub-0{n}\tx\t7{n}" for n in (1, 2, 3, 4))]
    lines[place] = cells.format(f"sub-0{place}", f"7{place}")
    rows = rows_of(tmp_path, "\n".join(lines) + "\n")
    assert len(rows) == 4
    others = [n for n in (1, 2, 3, 4) if n != place]
    assert [rows[n - 1] for n in others] == [{"participant_id": f"sub-0{n}", "age": f"7{n}"} for n in others]
    assert rows[place - 1]["age"].strip('"') == f"7{place}"


def test_marks_around_whole_cells_are_taken_off_with_a_note(tmp_path):
    text = "\n".join("\t".join(f'"{cell}"' for cell in line.split("\t")) for line in PLAIN.splitlines())
    _, rows, notes = read(tmp_path, text)
    assert rows == EXPECTED
    assert notes["severity"].tolist() == ["note"]


def test_rows_of_tabs_and_columns_without_name_at_the_end_are_no_rows(tmp_path):
    wide = "\n".join(f"{line}\t\t" for line in PLAIN.splitlines())
    columns, rows, notes = read(tmp_path, f"{wide}\n\t\t\t\t\n\t\t\n \n\n\t\t\t\t\t\t\n")
    assert columns == ["participant_id", "age", "sex"] and rows == EXPECTED and notes.empty


@pytest.mark.parametrize("row", ["sub-02\t80", "sub-02\t80\tF\tmore", "sub-02 80 F", "a secret rest"])
def test_a_row_of_another_length_is_named_by_its_line_and_not_used(tmp_path, row):
    _, rows, notes = read(tmp_path, PLAIN.replace("sub-02\t80\tF", row))
    assert rows == [EXPECTED[0], EXPECTED[2]]
    assert notes["severity"].tolist() == ["warning"]
    assert "participants.tsv line 3" in notes["found"][0]
    assert "secret" not in notes.to_csv()


def test_a_line_break_in_a_cell_costs_this_row_alone(tmp_path):
    _, rows, notes = read(tmp_path, PLAIN.replace("sub-02\t80\tF", 'sub-02\t"80\nyears"\tF'))
    assert rows == [EXPECTED[0], EXPECTED[2]]
    assert "(2 x, such as participants.tsv line 3)" in " ".join(notes["found"])


@pytest.mark.parametrize("mark", ["\u2028", "\x0b", "\x0c", "\x85", "\x1c"])
def test_other_signs_end_no_line(tmp_path, mark):
    rows = rows_of(tmp_path, PLAIN.replace("M\n", f"M{mark}x\n"))
    assert len(rows) == 3 and rows[1:] == EXPECTED[1:]


def test_a_row_without_subject_is_named(tmp_path):
    _, rows, notes = read(tmp_path, PLAIN.replace("sub-02", "n/a"))
    assert rows == [EXPECTED[0], EXPECTED[2]]
    assert "line 3" in notes["found"][0]


@pytest.mark.parametrize("label", ["NA", "null", "nan", "None", "-", "007", "1e5"])
def test_an_id_is_a_text_whatever_it_looks_like(tmp_path, label):
    assert rows_of(tmp_path, PLAIN.replace("sub-02", label))[1] == EXPECTED[1] | {"participant_id": label}


@pytest.mark.parametrize("header", ["Participant_ID\tAge\tSEX", " participant_id \tAGE\tSex "])
def test_columns_are_found_in_any_case(tmp_path, header):
    assert rows_of(tmp_path, PLAIN.replace("participant_id\tage\tsex", header)) == EXPECTED


TWO = "participant_id\tAge\tage\nsub-01\t70\t70.0\nsub-02\tn/a\t80\nsub-03\t90\t91\nsub-04\tn/a\t\n"


def test_of_two_columns_that_differ_in_case_only_what_they_agree_on_is_known(tmp_path):
    _, rows, notes = read(tmp_path, TWO)
    assert [row.get("age") for row in rows] == ["70", "80", CONTRADICTED, None]
    (found,) = notes["found"]
    assert "Age and age" in found and "(1 x, such as participants.tsv line 4)" in found and "91" not in found


def test_the_one_that_is_named_exactly_is_taken(tmp_path):
    _, rows, notes = read(tmp_path, TWO, exact={"Age"})
    assert [row.get("age") for row in rows] == ["70", None, "90", None]
    assert notes.empty


@pytest.mark.parametrize("content", ["", "\n\t\n", "\ufeff"])
def test_an_empty_file_is_an_error(tmp_path, content):
    with pytest.raises(UserError, match="an empty file"):
        read(tmp_path, content)


@pytest.mark.parametrize("content", ["participant_id,age\nsub-01,70\n", "sub-01\tJane\n"])
def test_a_table_without_its_first_column_is_an_error_that_quotes_nothing(tmp_path, content):
    with pytest.raises(UserError, match="no column participant_id") as raised:
        read(tmp_path, content)
    assert "Jane" not in str(raised.value)
