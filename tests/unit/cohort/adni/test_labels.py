"""Cells that make no sense cost themselves, and no row."""

import pandas as pd
import pytest

from ldae.cohort.adni.labels import LABELS, UNQUOTED, blank_labels
from ldae.cohort.adni.names import MERGE, META
from ldae.cohort.adni.values import tell_cell
from ldae.cohort.columns import QUARANTINE_COLUMNS
from tests.adni_download import image_row, visit_row

A, B = "011_S_0021", "012_S_0345"
SENSELESS = [
    *[(MERGE, "RID", value) for value in ("x", "-4")],
    *[(MERGE, "VISCODE", value) for value in ("sc", "scmri", "nv", "y1", "v04", "m6", "4_bl", "", "BL")],
    *[(MERGE, "EXAMDATE", value) for value in ("13/1/2010", "", "2010-02-31", "1.3.2010", "1910-03-01", "soon")],
    *[(MERGE, "EXAMDATE_bl", value) for value in ("1.3.2010", "2010-02-30", "")],
    *[(MERGE, column, value) for column in ("ORIGPROT", "COLPROT") for value in ("", "ADNI 1", "1")],
    *[(MERGE, "DX", value) for value in ("Demented", "AD", "MCI to Dementia", "Control", "mci", "-4")],
    *[(MERGE, "DX_bl", value) for value in ("Dementia", "cn")],
    *[(MERGE, "PTGENDER", value) for value in ("1", "", "male", "-4")],
    *[(MERGE, "AGE", value) for value in ("", "n/a", "NA", "old", "7400", "-4", "7.3", "70,3", "111")],
    *[(MERGE, "PTEDUCAT", value) for value in ("many", "-4", "99")],
    *[(MERGE, "APOE4", value) for value in ("3", "3/4")],
    *[(MERGE, "SITE", value) for value in ("Dr Roe", "-1")],
    *[(META, "SeriesID", value) for value in ("x", "5 1")],
    *[(META, "MagStrength", value) for value in ("high", "15", "15000", "0", "-3")],
    *[(META, "ScanDate", value) for value in ("13/2/2010", "", "2010-13-01", "1910-03-02")],
]
SILENT = [*[(MERGE, column, "NA") for column in ("DX", "DX_bl", "PTEDUCAT", "APOE4", "SITE")], (MERGE, "DX", "n/a")]


def rows(name):
    return pd.DataFrame([visit_row(A), visit_row(B)] if name == MERGE else [image_row(A, 10), image_row(B, 11)])


@pytest.mark.parametrize("name", [MERGE, META])
def test_good_cells_stay(name):
    frame, unknown = blank_labels(rows(name), name, "x.csv", [])
    assert frame.equals(rows(name))
    assert list(unknown) == QUARANTINE_COLUMNS
    assert unknown.empty


@pytest.mark.parametrize("name, column, value", SENSELESS)
def test_a_senseless_cell_is_emptied_and_said_with_place_and_cure(name, column, value):
    given = rows(name)
    given.loc[1, column] = value
    frame, unknown = blank_labels(given, name, "x.csv", [])
    assert frame.equals(rows(name).assign(**{column: [given.loc[0, column], ""]}))
    assert len(unknown) == 1
    row = unknown.iloc[0]
    assert (row["table"], row["line"], row["subject"]) == ("x.csv", 3, "ADNI012S0345")
    assert row["reason"].startswith(f"{column} must be ")
    assert row["reason"].endswith("something else" if column in UNQUOTED else f"found {tell_cell(value)}")
    assert row["cure"]


@pytest.mark.parametrize("name, column, value", SILENT)
def test_what_is_said_to_be_missing_and_may_be_is_not_said_again(name, column, value):
    frame, unknown = blank_labels(rows(name).assign(**{column: value}), name, "x.csv", [])
    assert frame[column].tolist() == ["", ""]
    assert unknown.empty


@pytest.mark.parametrize("age", ["18", "18.0", "70.3", "110"])
def test_the_bounds_of_an_age_are_ages(age):
    assert blank_labels(rows(MERGE).assign(AGE=age), MERGE, "x.csv", [])[1].empty


def test_an_absent_column_is_said_once():
    absent = [label.column for label in LABELS[MERGE]]
    frame = rows(MERGE).assign(**dict.fromkeys(absent, ""))
    _, unknown = blank_labels(frame, MERGE, "x.csv", absent)
    assert unknown["reason"].tolist() == [f"no column {column}" for column in absent]
    assert set(unknown["line"]) == {""}


def test_every_label_is_a_column_of_a_small_table_of_its_own():
    assert {column for _, column, _ in SENSELESS} == {label.column for labels in LABELS.values() for label in labels}
