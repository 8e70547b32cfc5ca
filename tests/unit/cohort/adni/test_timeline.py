"""Where a visit is put that its own row does not place, and which scans get a visit of their own."""

import pandas as pd
import pytest

from ldae.cohort.adni.names import MERGE, TABLE_COLUMNS
from ldae.cohort.adni.timeline import MONTHS, ORIGIN, phase_on, place_visits
from tests.adni_download import visit_row

A = "011_S_0021"


def scan(day, visit="scan", sequence="MP-RAGE"):
    return {"scan_date": day, "visit": visit, "sequence": sequence}


def placed(rows, *scans):
    """Code, day, months and origin of each visit."""
    frame = pd.DataFrame(rows, columns=TABLE_COLUMNS[MERGE])
    visits = place_visits(A, frame, [scan(day) if isinstance(day, str) else day for day in scans])
    assert visits["VISCODE"].is_unique
    assert visits[["EXAMDATE", "COLPROT", "ORIGPROT", "VISCODE"]].ne("").all(axis=None)
    assert set(visits["RID"]) == {"21"}
    return visits[["VISCODE", "EXAMDATE", MONTHS, ORIGIN]].to_numpy().tolist()


BASELINE = visit_row(A)
FIRST = ["bl", "2010-03-01", "0", "ADNIMERGE"]


def test_visits_in_order_are_left_as_they_are():
    rows = [visit_row(A, "m12", "2011-05-01"), BASELINE]
    frame = place_visits(A, pd.DataFrame(rows), [scan("2010-03-02"), scan("2011-05-01")])
    assert frame[list(rows[0])].to_dict("records") == [BASELINE, rows[0]]


@pytest.mark.parametrize(
    "day, code", [("2011-03-01", "m12"), ("2010-06-05", "m03"), ("2013-02-10", "m35"), ("2020-03-01", "m120")]
)
def test_a_visit_without_a_code_goes_by_its_date(day, code):
    row = visit_row(A, "", day)
    assert placed([BASELINE, row], day) == [FIRST, [code, day, str(int(code[1:])), "ADNIMERGE"]]
    assert placed([row], day)[0][:3] == [code, day, str(int(code[1:]))], "by its own EXAMDATE_bl"


def test_a_visit_without_a_code_takes_no_other_visits_code():
    rows = [BASELINE, visit_row(A, "m12", "2011-06-20"), visit_row(A, "", "2011-03-01")]
    assert placed(rows)[1:] == [
        ["m13", "2011-03-01", "13", "ADNIMERGE"],
        ["m12", "2011-06-20", "12", "ADNIMERGE"],
    ]


def test_screening_beside_baseline_is_no_visit_of_its_own():
    assert placed([visit_row(A, "", "2010-02-10"), BASELINE], "2010-02-11") == [FIRST]


def test_of_a_person_without_a_known_baseline_no_months_are_known():
    rows = [visit_row(A, "", day, EXAMDATE_bl="") for day in ("2011-03-01", "2012-03-01")]
    assert placed(rows) == [["bl", "2011-03-01", "", "ADNIMERGE"], ["m12", "2012-03-01", "", "ADNIMERGE"]]


@pytest.mark.parametrize(
    "rows, scans, day",
    [
        ([BASELINE, visit_row(A, "m12", "")], [], "2011-03-01"),
        ([visit_row(A, "m12", "")], [], "2011-03-01"),
        ([visit_row(A, "m12", "", EXAMDATE_bl="")], [scan("2010-08-31", "ADNI1/GO Month 6")], "2011-03-01"),
        ([visit_row(A, "m12", "", EXAMDATE_bl="")], [scan("2010-03-01", "ADNI Screening")], "2011-03-01"),
    ],
)
def test_a_visit_without_a_date_goes_by_its_code(rows, scans, day):
    found = {code: (when, months) for code, when, months, _ in placed(rows, *scans)}
    assert found["m12"] == (day, "12")


def test_a_visit_whose_code_and_date_disagree_is_where_a_scan_is():
    row = visit_row(A, "m12", "2015-03-01")
    assert placed([BASELINE, row], "2011-03-09")[1] == ["m12", "2011-03-01", "12", "ADNIMERGE"]
    assert placed([BASELINE, row], "2015-03-09")[1] == ["m12", "2015-03-01", "12", "ADNIMERGE"]
    assert placed([BASELINE, row])[1] == ["m12", "2015-03-01", "12", "ADNIMERGE"]


def test_a_single_visit_with_a_wrong_date_is_found_by_its_baseline():
    assert placed([visit_row(A, "bl", "2003-03-01")], "2010-03-02") == [FIRST]


def test_a_row_with_neither_tells_of_the_person_alone():
    rows = [visit_row(A, "", "", PTGENDER="Male", DX="MCI", EXAMDATE_bl="")]
    visits = place_visits(A, pd.DataFrame(rows), [scan("2010-03-02")])
    assert visits[["VISCODE", "PTGENDER", "DX", "AGE", ORIGIN]].to_numpy().tolist() == [
        ["bl", "Male", "", "70.3", "scan"]
    ]


def test_scans_far_from_every_visit_have_visits_of_their_own():
    scans = ["2010-03-02", "2013-03-05", "2013-04-01", "2014-03-05"]
    assert placed([BASELINE], *scans) == [
        FIRST,
        ["m36", "2013-03-05", "36", "scan"],
        ["m48", "2014-03-05", "48", "scan"],
    ]
    visits = place_visits(A, pd.DataFrame([visit_row(A, DX="MCI")]), map(scan, scans))
    assert visits["DX"].tolist() == ["MCI", "", ""]
    assert set(visits["PTGENDER"]) == {"Female"}


def test_a_scan_within_half_a_year_of_a_visit_is_of_that_visit():
    assert placed([BASELINE], "2010-08-28") == [FIRST]
    assert len(placed([BASELINE], "2010-08-29")) == 2


def test_a_subject_without_any_row_has_the_visits_of_its_scans():
    for visit, months in (("scan", ["", ""]), ("ADNI Screening", ["0", "24"])):
        visits = placed([], scan("2010-03-02", visit), "2012-03-05")
        assert [row[0] for row in visits] == ["bl", "m24"]
        assert [row[2] for row in visits] == months
        assert {row[3] for row in visits} == {"scan"}
    assert len(place_visits(A, pd.DataFrame(columns=TABLE_COLUMNS[MERGE]), [])) == 0


def test_phases_that_are_not_told_go_by_the_person_and_the_date():
    rows = [BASELINE, visit_row(A, "m24", "2012-03-01", COLPROT="", ORIGPROT="")]
    visits = place_visits(A, pd.DataFrame(rows), [scan("2017-03-05", sequence="Accelerated Sagittal MPRAGE")])
    assert visits["COLPROT"].tolist() == ["ADNI1", "ADNI2", "ADNI3"]
    assert set(visits["ORIGPROT"]) == {"ADNI1"}
    assert [phase_on(day) for day in ("2006-01-01", "2010-01-01", "2024-01-01")] == ["ADNI1", "ADNIGO", "ADNI4"]


@pytest.mark.parametrize(
    "day, sequences, phase",
    [
        ("2017-03-05", ["MPRAGE"], "ADNI2"),
        ("2017-03-05", ["MPRAGE", "Accelerated SAG IR-SPGR"], "ADNI3"),
        ("2016-03-05", ["Accelerated Sagittal MPRAGE"], "ADNI3"),
        ("2014-03-05", ["MPRAGE", "Accelerated SAG IR-SPGR"], "ADNI2"),
        ("2024-03-05", ["MPRAGE"], "ADNI4"),
    ],
)
def test_a_phase_that_is_not_told_is_one_whose_scans_were_made(day, sequences, phase):
    """Else Clinica would take none of them."""
    visits = place_visits(A, pd.DataFrame([visit_row(A, "", day, COLPROT="")]), [scan(day, "", s) for s in sequences])
    assert visits["COLPROT"].tolist() == [phase]


def test_the_order_of_rows_and_scans_does_not_matter():
    rows = [BASELINE, visit_row(A, "", "2012-03-01"), visit_row(A, "m12", ""), visit_row(A, "", "2012-08-01")]
    scans = ["2015-01-01", "2010-03-02", "2018-01-01"]
    assert placed(rows, *scans) == placed(rows[::-1], *scans[::-1])
