"""Rows that say different things of one visit or one person."""

import pandas as pd
import pytest

from ldae.cohort.adni.contradictions import settle
from tests.adni_download import visit_row

A, B = "011_S_0021", "012_S_0345"


def settled(*rows):
    frame, quarantine, unknown = settle(pd.DataFrame(rows), "x.csv")
    return frame, quarantine, unknown["reason"].tolist()


def test_rows_that_agree_stay_as_they_are():
    rows = [visit_row(A), visit_row(A, "m12", "2011-03-01", DX="MCI"), visit_row(B, AGE="81", PTGENDER="Male")]
    frame, quarantine, unknown = settled(*rows)
    assert frame.equals(pd.DataFrame(rows))
    assert quarantine.empty
    assert unknown == []


def test_what_two_rows_of_a_visit_contradict_is_unknown_and_what_one_leaves_open_is_taken_from_the_other():
    first = visit_row(A, examdate="", DX="CN", PTEDUCAT="", SITE="5")
    frame, quarantine, unknown = settled(first, visit_row(A, examdate="2010-03-09", DX="MCI", SITE="5"), visit_row(B))
    row = frame.iloc[0]
    assert row[["EXAMDATE", "DX", "PTEDUCAT", "SITE", "AGE"]].tolist() == ["2010-03-09", "", "16", "5", "70.3"]
    assert len(frame) == 2
    assert quarantine[["subject", "session", "line"]].to_numpy().tolist() == [["ADNI011S0021", "M000", 3]]
    assert unknown == ["DX differs between the rows of this subject and visit"]


def test_two_rows_of_a_code_on_days_far_apart_are_two_visits():
    frame, quarantine, unknown = settled(visit_row(A, examdate="2014-05-01", DX="MCI"), visit_row(A))
    assert frame[["VISCODE", "EXAMDATE", "DX"]].to_numpy().tolist() == [
        ["", "2014-05-01", "MCI"],
        ["bl", "2010-03-01", "CN"],
    ]
    assert quarantine.empty
    assert "VISCODE stands twice, on days far apart" in unknown


@pytest.mark.parametrize(
    "column, value", [("AGE", "45"), ("PTGENDER", "Male"), ("DX_bl", "AD"), ("PTEDUCAT", "9"), ("APOE4", "2")]
)
def test_what_a_person_has_one_of_is_unknown_where_the_rows_disagree(column, value):
    frame, _, unknown = settled(visit_row(A), visit_row(A, "m12", "2011-03-01", **{column: value}), visit_row(B))
    assert frame[column].tolist() == ["", "", visit_row(B)[column]]
    assert unknown == [f"{column} differs between the rows of this person"]


def test_ages_at_baseline_may_be_rounded():
    frame, _, unknown = settled(visit_row(A), visit_row(A, "m12", "2011-03-01", AGE="70"))
    assert frame["AGE"].tolist() == ["70.3", "70"]
    assert unknown == []


@pytest.mark.parametrize("values", [{"EXAMDATE": "2031-03-01"}, {"EXAMDATE_bl": "2005-03-01"}])
def test_days_that_contradict_the_code_are_said(values):
    row = visit_row(A, "m12", "2011-03-01") | values
    frame, _, unknown = settled(row)
    assert frame.to_dict("records") == [row]
    assert unknown == ["EXAMDATE is more than a year from where VISCODE and EXAMDATE_bl put it"]
