import pandas as pd
import pytest

from ldae.cohort.adni_tables import COLUMNS, DIAGNOSES, MERGE, META, find_table, nominal_field, read_tables
from ldae.errors import UserError
from tests.adni_download import image_row, visit_row, write_tables

GOOD, OTHER = "011_S_0021", "012_S_0345"


@pytest.fixture
def clinical(tmp_path):
    write_tables(tmp_path, [visit_row(GOOD), visit_row(OTHER)], [image_row(GOOD, 10), image_row(OTHER, 11)])
    return tmp_path


def change(folder, name, line, column, value):
    table = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
    table.loc[line, column] = value
    table.to_csv(folder / f"{name}.csv", index=False)


def test_good_tables_are_read_whole_and_as_strings(clinical):
    tables = read_tables(clinical)
    assert set(tables.frames) == set(COLUMNS)
    assert tables.quarantine.empty
    assert tables.frames[MERGE]["RID"].tolist() == ["21", "345"]
    assert tables.frames[META]["ImageUID"].tolist() == ["10", "11"]


def test_the_tables_of_a_subject_hold_its_rows_only(clinical):
    for name, frame in read_tables(clinical).of_subject(GOOD).items():
        assert len(frame) == (0 if name in ("MRIQUALITY", "MAYOADIRL_MRI_IMAGEQC_05_07_15") else 1), name


@pytest.mark.parametrize("name", list(COLUMNS))
def test_a_missing_table_is_named(clinical, name):
    (clinical / f"{name}.csv").unlink()
    with pytest.raises(UserError) as error:
        read_tables(clinical)
    assert name in error.value.expected and str(clinical) in str(error.value)


@pytest.mark.parametrize("name", list(COLUMNS))
def test_an_empty_file_is_named(clinical, name):
    (clinical / f"{name}.csv").write_text("")
    with pytest.raises(UserError, match=f"{name}.csv"):
        read_tables(clinical)


@pytest.mark.parametrize("name", [MERGE, META])
def test_a_header_alone_is_not_enough(clinical, name):
    (clinical / f"{name}.csv").write_text(",".join(COLUMNS[name]) + "\n")
    with pytest.raises(UserError, match="header only"):
        read_tables(clinical)


@pytest.mark.parametrize("name", list(COLUMNS))
def test_a_doubled_table_is_refused(clinical, name):
    (clinical / "older").mkdir()
    (clinical / "older" / f"{name}_01Jan2024.csv").write_text((clinical / f"{name}.csv").read_text())
    with pytest.raises(UserError, match="2: "):
        read_tables(clinical)


@pytest.mark.parametrize("name, column", [(MERGE, "EXAMDATE_bl"), (META, "ImageUID"), ("APOERES", "APGEN1")])
def test_a_missing_column_is_named(clinical, name, column):
    path = clinical / f"{name}.csv"
    pd.read_csv(path, dtype=str).drop(columns=column).to_csv(path, index=False)
    with pytest.raises(UserError, match=column):
        read_tables(clinical)


def test_dated_names_and_subfolders_are_found(clinical):
    (clinical / "new").mkdir()
    (clinical / f"{MERGE}.csv").rename(clinical / "new" / f"{MERGE}_7Mar2024.csv")
    (clinical / f"{DIAGNOSES}.csv").rename(clinical / "DXSUM_07Mar2024.csv")
    assert find_table(clinical, MERGE).name == f"{MERGE}_7Mar2024.csv"
    assert len(read_tables(clinical).frames[DIAGNOSES]) == 2


def test_a_successor_table_is_recognised(clinical):
    (clinical / "MRIQUALITY.csv").rename(clinical / "MRIPROT_07Mar2024.csv")
    with pytest.raises(UserError, match="MRIPROT_07Mar2024.csv"):
        read_tables(clinical)


POISON = [
    *[(MERGE, "VISCODE", value) for value in ("sc", "nv", "y1", "v04", "")],
    *[(MERGE, "EXAMDATE", value) for value in ("3/1/2010", "", "2010-02-31")],
    (MERGE, "EXAMDATE_bl", "1.3.2010"),
    (MERGE, "ORIGPROT", "ADNI4"),
    (MERGE, "COLPROT", "ADNI4"),
    (MERGE, "PTID", "012_S_10345"),
    (MERGE, "DX", "Demented"),
    (MERGE, "AGE", ""),
    (MERGE, "RID", "21"),
    (META, "ImageUID", ""),
    (META, "ImageUID", "11.0"),
    (META, "SeriesID", "S511"),
    (META, "ScanDate", "03/02/2010"),
    (META, "MagStrength", "high"),
]


@pytest.mark.parametrize("name, column, value", POISON)
def test_a_poisonous_row_is_set_aside_with_place_reason_and_cure(clinical, name, column, value):
    change(clinical, name, 1, column, value)
    tables = read_tables(clinical)
    assert len(tables.frames[name]) == 1
    row = tables.quarantine.iloc[0]
    assert (row["table"], row["line"]) == (f"{name}.csv", 3)
    assert column in row["reason"] and row["cure"]


def test_a_second_row_of_a_visit_is_set_aside(tmp_path):
    write_tables(tmp_path, [visit_row(GOOD), visit_row(GOOD, DX="MCI")], [image_row(GOOD, 10)])
    tables = read_tables(tmp_path)
    assert tables.frames[MERGE]["DX"].tolist() == ["CN"]
    assert tables.quarantine["subject"].tolist() == ["ADNI011S0021"]


def test_a_table_of_poison_only_is_an_error(tmp_path):
    write_tables(tmp_path, [visit_row(GOOD, examdate="3/1/2010")], [image_row(GOOD, 10)])
    with pytest.raises(UserError, match="3/1/2010"):
        read_tables(tmp_path)


@pytest.mark.parametrize("tesla, nominal", [(1.5, 1.5), (1.494, 1.5), (2.89362, 3.0), (3.0, 3.0)])
def test_field_strengths_become_nominal(tesla, nominal):
    assert nominal_field(tesla) == nominal
