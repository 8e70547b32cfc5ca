"""Rows by which no image can be found."""

import pandas as pd
import pytest

from ldae.cohort.adni import row_rules as adni_rules
from ldae.cohort.adni.names import DIAGNOSES, MAYO, MERGE, META, QUALITY
from ldae.cohort.adni.row_rules import converter_phases, set_aside, subject_pattern
from tests.adni_download import image_row, visit_row

GOOD, OTHER = "011_S_0021", "012_S_0345"
ROWS = {
    MERGE: [visit_row(GOOD), visit_row(OTHER)],
    META: [image_row(GOOD, 10), image_row(OTHER, 11)],
    QUALITY: [{"RID": "21", "LONIUID": "S510", "PASS": "1"}, {"RID": "345", "LONIUID": "S511", "PASS": ""}],
    MAYO: [
        {"RID": rid, "loni_image": image, "series_type": "T1", "series_selected": "1", "series_quality": "-1"}
        for rid, image in (("21", "I10"), ("345", "I11"))
    ],
    DIAGNOSES: [
        {"PTID": code, "VISCODE2": "sc", "DIAGNOSIS": diagnosis, "Phase": "ADNI3"}
        for code, diagnosis in ((GOOD, "1"), (OTHER, ""))
    ],
}
POISON = [
    *[(MERGE, column, "ADNI4") for column in ("ORIGPROT", "COLPROT")],
    *[(MERGE, "PTID", value) for value in ("012_S_10345", "012S0345", "")],
    *[(MERGE, "RID", value) for value in ("21", "9345")],
    *[(META, "SubjectID", value) for value in ("012_S_10345", "")],
    *[(META, "ImageUID", value) for value in ("", "11.0", "I11")],
    *[(META, "Orig/Proc", value) for value in ("Post-processed", "")],
    *[(META, "Visit", value) for value in ("ADNI4 Initial Visit", "4_bl")],
    (META, "Sequence", ""),
    (QUALITY, "PASS", "good"),
    (MAYO, "loni_image", "11"),
    (MAYO, "series_selected", "TRUE"),
    (MAYO, "series_quality", "poor"),
    *[(DIAGNOSES, "DIAGNOSIS", value) for value in ("10", "AD", "-4")],
    *[(DIAGNOSES, "PTID", value) for value in ("012_S_10345", "")],
    (DIAGNOSES, "Phase", "ADNI4"),
]


@pytest.mark.parametrize("name", ROWS)
def test_good_rows_pass(name):
    good, quarantine = set_aside(pd.DataFrame(ROWS[name]), name, "x.csv", legacy=True)
    assert good.equals(pd.DataFrame(ROWS[name]))
    assert quarantine.empty


@pytest.mark.parametrize("name, column, value", POISON)
def test_a_poisonous_row_is_set_aside_with_place_reason_and_cure(name, column, value):
    frame = pd.DataFrame(ROWS[name])
    frame.loc[1, column] = value
    good, quarantine = set_aside(frame, name, f"{name}.csv", legacy=True)
    assert good.index.tolist() == [0]
    row = quarantine.iloc[0]
    assert (row["table"], row["line"]) == (f"{name}.csv", 3)
    assert column in row["reason"]
    assert row["cure"]
    assert row["image_id"] == (frame.loc[1, "ImageUID"] if name == META else "")


@pytest.mark.parametrize("value", ["0345", "345.0", "", "n/a"])
def test_a_roster_id_may_be_written_otherwise_or_left_out(value):
    frame = pd.DataFrame(ROWS[MERGE])
    frame.loc[1, "RID"] = value
    assert len(set_aside(frame, MERGE, "x.csv", legacy=True)[0]) == 2


@pytest.mark.parametrize(
    "column", ["VISCODE", "EXAMDATE", "EXAMDATE_bl", "ORIGPROT", "COLPROT", "DX", "AGE", "PTGENDER"]
)
def test_what_a_visit_is_labelled_with_sets_no_row_aside(column):
    frame = pd.DataFrame(ROWS[MERGE]).assign(**{column: "no idea"})
    assert len(set_aside(frame, MERGE, "x.csv", legacy=True)[0]) == 2


@pytest.mark.parametrize(
    "sequence, is_t1",
    [
        *[(name, True) for name in ("MPRAGE", "MP-RAGE", "MP RAGE REPEAT", "MPRAGE SENSE2", "IR-FSPGR", "SAG IR-SPGR")],
        ("Accelerated Sagittal MPRAGE (MSV21)", True),
        ("Sagittal 3D Accelerated MPRAGE_REPE", True),
        ("MPR; GradWarp; B1 Correction; N3; Scaled", True),
        ("MPR-R; GradWarp; N3", True),
        ("MT1; GradWarp; N3m", True),
        ("MT1__N3m", True),
        ("3D_T1", True),
        *[(name, False) for name in ("Axial T2-FLAIR", "Axial DTI", "3 Plane Localizer", "B1-calibration Body", "")],
        *[(name, False) for name in ("Axial PD/T2 FSE", "Axial T2-Star", "Axial rsfMRI (Eyes Open)", "HighResHippo")],
        ("Coreg, Avg, Standardized Image and Voxel Size", False),
    ],
)
def test_only_t1_series_of_a_list_of_all_images_are_kept(sequence, is_t1):
    frame = pd.DataFrame(ROWS[META][:1]).assign(Sequence=sequence)
    assert len(set_aside(frame, META, "x.csv", legacy=False)[0]) == is_t1


def test_the_first_fault_of_a_row_is_its_reason():
    frame = pd.DataFrame([visit_row("012_S_10345", COLPROT="ADNI4", RID="1")])
    assert set_aside(frame, MERGE, "x.csv", legacy=True)[1]["reason"].item().startswith("PTID")


def test_the_phases_are_those_of_the_installed_clinica():
    assert {"ADNI1", "ADNIGO", "ADNI2", "ADNI3"} <= set(converter_phases())


def test_a_clinica_that_knows_adni4_lifts_the_limit(monkeypatch):
    """ADNI4 and five-digit subjects pass as soon as the converter's own list of phases has them."""
    new = visit_row("012_S_10345", RID="10345", ORIGPROT="ADNI4", COLPROT="ADNI4")
    image = image_row("012_S_10345", 12, Visit="ADNI4 Screening")
    tables = {MERGE: pd.DataFrame([*ROWS[MERGE], new]), META: pd.DataFrame([*ROWS[META], image])}
    assert [len(set_aside(frame, name, "x.csv", legacy=True)[0]) for name, frame in tables.items()] == [2, 2]
    monkeypatch.setattr(adni_rules, "converter_phases", lambda: ("ADNI1", "ADNI2", "ADNI3", "ADNIGO", "ADNI4"))
    assert [len(set_aside(frame, name, "x.csv", legacy=True)[0]) for name, frame in tables.items()] == [3, 3]
    assert subject_pattern() == r"\d{3}_S_\d{4,5}"
