"""Today's columns and values in the form that Clinica 0.12 reads."""

import pandas as pd
import pytest
from clinica.converters.adni_to_bids._utils import ADNIStudy
from clinica.converters.adni_to_bids.modality_converters._visits_utils import _get_preferred_visit_name

from ldae.cohort.adni.adapters import looked_up_name, match_columns, name_visits, to_legacy, visit_name
from ldae.cohort.adni.names import APOE, DIAGNOSES, MAYO, MERGE, META, QUALITY, TABLE_COLUMNS
from tests.adni_download import image_row, visit_row

IMAGE = {
    "subject_id": "011_S_0021",
    "image_type": "Original",
    "VISCODE2": "sc",
    "image_description": "MPRAGE",
    "image_date": "2010-03-02",
    "study_id": "7",
    "image_id": "10",
}


def images(*rows, **values):
    return pd.DataFrame([IMAGE | row | values for row in rows or [{}]])


@pytest.mark.parametrize(
    "today, legacy, given, wanted",
    [
        ("image_type", "Orig/Proc", "Pre-processed", "Processed"),
        ("image_type", "Orig/Proc", "original", "Original"),
        ("image_type", "Orig/Proc", "Post-processed", "Post-processed"),
        ("image_id", "ImageUID", "I4711", "4711"),
        ("image_id", "ImageUID", "4711", "4711"),
        ("series_id", "SeriesID", "S12", "12"),
        ("mri_field_str", "MagStrength", "3.0T", "3.0"),
        ("mri_field_str", "MagStrength", "1.5 tesla", "1.5"),
        ("mri_field_str", "MagStrength", "", ""),
        ("mri_field_str", "MagStrength", "high", "high"),
        ("image_date", "ScanDate", "2010-03-02 10:12:13.0", "2010-03-02"),
        ("image_date", "ScanDate", "2010-03-02T10:12", "2010-03-02"),
        ("image_date", "ScanDate", "8/21/2024", "2024-08-21"),
        ("image_date", "ScanDate", "12/01/2024 09:30", "2024-12-01"),
        ("image_date", "ScanDate", "21/8/2024", "21/8/2024"),
        ("image_date", "ScanDate", "21.8.2024", "21.8.2024"),
        ("image_date", "ScanDate", "", ""),
        ("image_description", "Sequence", "MP-RAGE REPEAT", "MP-RAGE REPEAT"),
    ],
)
def test_values_of_the_list_of_images(today, legacy, given, wanted):
    frame, _ = to_legacy(images(**{today: given}), META)
    assert frame[legacy].tolist() == [wanted]


def test_a_column_with_one_day_above_twelve_in_front_is_not_turned():
    frame, notes = to_legacy(images({"image_date": "3/2/2010"}, {"image_date": "13/2/2010"}), META)
    assert frame["ScanDate"].tolist() == ["3/2/2010", "13/2/2010"]
    assert not any("month/day" in note for note in notes)


def test_turned_dates_are_said():
    assert any("month/day/year" in note for note in to_legacy(images(image_date="3/2/2010"), META)[1])


def test_a_legacy_table_in_order_is_left_alone():
    for name, row in ((META, image_row("011_S_0021", 10)), (MERGE, visit_row("011_S_0021"))):
        frame, notes = to_legacy(pd.DataFrame([row]), name)
        assert frame.equals(pd.DataFrame([row]))
        assert notes == []


def test_dates_of_visits_are_read_as_those_of_scans():
    dates = {"EXAMDATE": "2010-3-1", "EXAMDATE_bl": "8/21/2010 00:00"}
    frame, notes = to_legacy(pd.DataFrame([visit_row("011_S_0021", "m00", **dates)]), MERGE)
    assert frame.loc[0, ["VISCODE", "EXAMDATE", "EXAMDATE_bl"]].tolist() == ["bl", "2010-03-01", "2010-08-21"]
    assert notes == ["EXAMDATE_bl: dates like 8/21/2024 read as month/day/year"]


@pytest.mark.parametrize("sequence, kind", [("MP-RAGE", "Original"), ("MPR; GradWarp; N3; Scaled", "Processed")])
@pytest.mark.parametrize("given", ["", "raw"])
def test_an_image_whose_kind_is_not_told_goes_by_its_name(sequence, kind, given):
    frame, _ = to_legacy(images(image_type=given, image_description=sequence), META)
    assert frame["Orig/Proc"].item() == kind


@pytest.mark.parametrize("spell", [str.lower, str.upper, lambda name: name.replace("_", " ")])
def test_case_and_punctuation_of_columns_never_count(spell):
    frame, notes = match_columns(pd.DataFrame(columns=[spell(name) for name in TABLE_COLUMNS[MERGE]]), MERGE)
    assert list(frame.columns) == TABLE_COLUMNS[MERGE]
    assert len(notes) == 1


def test_the_likeliest_of_several_variants_is_taken_and_the_exact_name_wins():
    frame, _ = match_columns(images(image_visit="v02", series_description="other"), META)
    assert (frame["Visit"].item(), frame["Sequence"].item()) == ("sc", "MPRAGE")
    assert match_columns(images(Visit="ADNI Screening"), META)[0]["Visit"].item() == "ADNI Screening"


def test_of_two_columns_of_one_spelling_the_first_is_taken():
    frame, _ = match_columns(pd.DataFrame([["10", "11"]], columns=["image_id", "Image ID"]), META)
    assert frame["ImageUID"].tolist() == ["10"]


def test_a_missing_column_that_the_disk_cannot_give_stays_missing():
    frame, _ = to_legacy(images().drop(columns="image_id"), META)
    assert "ImageUID" not in frame
    assert {"SeriesID", "MagStrength"} <= set(frame)


@pytest.mark.parametrize("name", [QUALITY, MAYO])
def test_a_quality_table_without_usable_columns_applies_no_mark_and_says_so(name):
    frame, notes = to_legacy(pd.DataFrame({"PTID": ["011_S_0021"], "SeriesDescription": ["x"]}), name)
    assert list(frame.columns) == TABLE_COLUMNS[name]
    assert frame.empty
    assert any("no quality mark" in note for note in notes)


def test_quality_marks_of_todays_tables():
    marks = [("011_S_0021", "510", "Pass"), ("", "S511", "0"), ("", "512", "Fail")]
    frame, _ = to_legacy(pd.DataFrame(marks, columns=["PTID", "LONI_UID", "pass"]), QUALITY)
    assert frame[TABLE_COLUMNS[QUALITY]].to_numpy().tolist() == [
        ["21", "S510", "1"],
        ["", "S511", "0"],
        ["", "S512", "0"],
    ]
    columns = ["RID", "LONI_IMAGE", "SERIES_TYPE", "SERIES_SELECTED", "SERIES_QUALITY"]
    rated = [("21", "10", "MT1", "TRUE", "2"), ("21", "I11", "T2", "No", "4")]
    mayo, _ = to_legacy(pd.DataFrame(rated, columns=columns), MAYO)
    assert mayo.to_numpy().tolist() == [["21", "I10", "T1", "1", "2"], ["21", "I11", "T2", "0", "4"]]


def test_genotypes_become_alleles():
    frame, _ = to_legacy(pd.DataFrame({"RID": ["1", "2", "3"], "Genotype": ["3/4", "", "2/3"]}), APOE)
    assert frame[["APGEN1", "APGEN2"]].to_numpy().tolist() == [["3", "4"], ["", ""], ["2", "3"]]


@pytest.mark.parametrize("given, wanted", [("1", "1"), ("2.0", "2"), ("Dementia", "3"), ("CN", "1"), ("10", "10")])
def test_diagnoses_become_codes(given, wanted):
    table = pd.DataFrame([("011_S_0021", "sc", given, "ADNI1")], columns=["PTID", "VISCODE2", "DIAGNOSIS", "PHASE"])
    frame, _ = to_legacy(table, DIAGNOSES)
    assert (frame["DIAGNOSIS"].item(), frame["Phase"].item()) == (wanted, "ADNI1")


@pytest.mark.parametrize("phase", ["ADNI1", "ADNIGO", "ADNI2", "ADNI3"])
@pytest.mark.parametrize("months", [0, 3, 6, 12, 18, 24, 48, 54, 60, 120])
def test_visit_names_are_those_that_clinica_looks_up(phase, months):
    """Clinica writes whole years as 1.0, which no table has, and so finds yearly visits by the date of the scan."""
    code = f"m{months:02d}" if months else "bl"
    wanted = _get_preferred_visit_name(ADNIStudy(phase), code)
    if wanted.endswith(".0 Visit"):
        wanted = wanted.replace(".0 Visit", " Visit")
    assert visit_name(code, phase) == wanted


@pytest.mark.parametrize("phase", ["ADNI1", "ADNIGO", "ADNI2", "ADNI3"])
@pytest.mark.parametrize("code", ["bl", "m01", "m03", "m06", "m12", "m13", "m54", "m120"])
def test_the_name_that_clinica_looks_up_is_known(phase, code):
    assert looked_up_name(code, phase) == _get_preferred_visit_name(ADNIStudy(phase), code)


@pytest.mark.parametrize("code", ["sc", "scmri", "bl", "m00", "SC"])
def test_screening_and_baseline_are_one_scan_visit(code):
    assert visit_name(code, "ADNI2") == "ADNI2 Screening MRI-New Pt"


@pytest.mark.parametrize("code", ["ADNI2 Year 1 Visit", "v11", "4_bl", "init", "nv", ""])
def test_what_is_no_known_code_is_kept(code):
    assert visit_name(code, "ADNI2") == code


def test_visits_are_named_by_the_phase_of_their_subject():
    rows = [("A", "m12"), ("B", "m12"), ("A", ""), ("B", "v11"), ("C", "m12")]
    meta = pd.DataFrame(rows, columns=["SubjectID", "Visit"], index=[3, 5, 6, 7, 9]).assign(ScanDate="2010-03-02")
    named, notes = name_visits(meta, {"A": "ADNI1", "B": "ADNI3"})
    assert named["Visit"].tolist() == ["ADNI1/GO Month 12", "ADNI3 Year 1 Visit", "scan of 2010-03-02", "v11", "m12"]
    assert named.index.tolist() == [3, 5, 6, 7, 9]
    assert any("'m12', 'v11'" in note for note in notes)
