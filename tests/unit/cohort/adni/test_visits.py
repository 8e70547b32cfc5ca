import pandas as pd
import pytest

from ldae.cohort.adni.timeline import place_visits
from ldae.cohort.adni.visits import list_visits, visit_facts, write_sessions
from ldae.cohort.columns import VISIT_COLUMNS
from tests.adni_download import visit_row

PTID = "011_S_0021"


def facts_of(row, scan="2010-03-02"):
    """The facts of the first visit of a subject with this row of ADNIMERGE and one scan."""
    visits = place_visits(PTID, pd.DataFrame([row]), [{"scan_date": scan, "visit": "", "sequence": "MP-RAGE"}])
    return visit_facts(visits.to_dict("records")[0])


@pytest.mark.parametrize("diagnosis, label", [("CN", "CN"), ("MCI", "MCI"), ("Dementia", "AD"), ("", "")])
def test_visit_facts(diagnosis, label):
    facts = facts_of(visit_row(PTID, "m12", "2011-03-01", DX=diagnosis, DX_bl="EMCI"), "2011-03-01")
    assert facts["diagnosis"] == label
    assert facts["diagnosis_bl"] == "MCI"
    assert (facts["session"], facts["months"], facts["sex"]) == ("M012", 12, "F")
    assert facts["age"] == pytest.approx(71.3, abs=0.01)


@pytest.mark.parametrize("stage, label", [("CN", "CN"), ("SMC", "CN"), ("LMCI", "MCI"), ("AD", "AD"), ("", "")])
def test_stages_at_baseline(stage, label):
    assert facts_of(visit_row(PTID, DX_bl=stage, DX="MCI"))["diagnosis_bl"] == label


def test_age_and_phase_are_those_of_the_visit_and_not_rounded():
    facts = facts_of(visit_row(PTID, "m48", "2014-04-10", COLPROT="ADNI2", ORIGPROT="ADNI1"), "2014-04-10")
    assert facts["age"] == round(70.3 + 1501 / 365.25, 4)
    assert (facts["phase"], facts["age_bl"], facts["months"]) == ("ADNI2", 70.3, 48)


@pytest.mark.parametrize(
    "viscode, values, age",
    [
        ("bl", {"AGE": ""}, ""),
        ("m12", {"EXAMDATE_bl": ""}, 71.3),
        ("m12", {"EXAMDATE_bl": "2005-03-01"}, ""),
        ("y1", {"EXAMDATE_bl": "2010-01-01"}, 71.46),
        ("y1", {"EXAMDATE_bl": ""}, ""),
    ],
)
def test_an_age_is_told_as_far_as_code_and_days_tell_it(viscode, values, age):
    code = viscode if viscode in ("bl", "m12") else ""
    facts = facts_of(visit_row(PTID, code, "2011-03-01" if viscode != "bl" else "2010-03-01", **values), "2011-03-01")
    assert facts["age"] == (pytest.approx(age, abs=0.01) if age else "")
    assert facts["age_bl"] == ("" if "AGE" in values else 70.3)


def test_of_a_visit_without_a_known_baseline_no_months_are_known():
    facts = facts_of(visit_row(PTID, "", "2011-03-01", EXAMDATE_bl=""), "2011-03-01")
    assert (facts["session"], facts["months"], facts["diagnosis"]) == ("M000", "", "CN")


def test_every_visit_is_listed_with_or_without_a_scan():
    visits = [
        visit_row(PTID, "m12", "2011-03-01", DX="Dementia"),
        visit_row(PTID),
        visit_row(PTID, "m06", "2010-09-01", DX=""),
    ]
    rows = [
        {"session": "M000", "status": "unselected", "image_id": "1"},
        {"session": "M000", "status": "converted", "image_id": "2"},
        {"session": "M006", "status": "failed", "image_id": "3"},
    ]
    listed = pd.DataFrame(list_visits(PTID, pd.DataFrame(visits), rows))
    assert list(listed) == VISIT_COLUMNS
    assert listed[["session", "diagnosis", "images", "image_id"]].to_numpy().tolist() == [
        ["M000", "CN", 2, "2"],
        ["M006", "", 1, ""],
        ["M012", "AD", 0, ""],
    ]


def test_the_sessions_table_is_written_when_it_says_something_else(tmp_path):
    rows = [{"session": "M006", "diagnosis": "", "age": 70.8012, "months": 6}]
    rows.append({"session": "M000", "diagnosis": "CN", "age": 70.3, "months": 0})
    path = tmp_path / "sub-A_sessions.tsv"
    write_sessions(path, rows)
    assert path.read_text() == (
        "session_id\tdiagnosis\tage\tmonths_from_baseline\nses-M000\tCN\t70.3\t0\nses-M006\tn/a\t70.8012\t6\n"
    )
    before = path.stat()
    write_sessions(path, rows[::-1])
    assert path.stat().st_ino == before.st_ino, "written again without need"
    write_sessions(path, [rows[1] | {"diagnosis": "AD"}])
    assert "AD" in path.read_text()
    assert "M006" not in path.read_text()
