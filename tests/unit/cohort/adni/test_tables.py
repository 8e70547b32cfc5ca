from pathlib import Path

import pandas as pd
import pytest

from ldae.cohort.adni.labels import LABELS
from ldae.cohort.adni.names import (
    DIAGNOSES,
    MAYO,
    MERGE,
    META,
    NEEDED_COLUMNS,
    QUALITY,
    TABLE_COLUMNS,
    nominal_field,
)
from ldae.cohort.adni.row_rules import NOT_T1
from ldae.cohort.adni.tables import read_tables
from ldae.errors import UserError, UserErrors
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
    assert set(tables.frames) == set(TABLE_COLUMNS)
    assert tables.quarantine.empty
    assert tables.frames[MERGE]["RID"].tolist() == ["21", "345"]
    assert tables.frames[META]["ImageUID"].tolist() == ["10", "11"]


def test_the_tables_of_a_subject_hold_its_rows_only(clinical):
    for name, frame in read_tables(clinical).of_subject(GOOD).items():
        assert len(frame) == (0 if name in ("MRIQUALITY", "MAYOADIRL_MRI_IMAGEQC_05_07_15") else 1), name


@pytest.mark.parametrize("name", list(TABLE_COLUMNS))
def test_a_byte_order_mark_is_no_part_of_a_table(clinical, name):
    path = clinical / f"{name}.csv"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert set(TABLE_COLUMNS[name]) <= set(read_tables(clinical).frames[name])


OTHERS = [name for name in TABLE_COLUMNS if name not in NEEDED_COLUMNS]


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda path: path.write_text(""), lambda path: path.write_bytes(b"\xff")]
)
@pytest.mark.parametrize("name", OTHERS)
def test_a_table_that_no_image_needs_may_be_missing_or_damaged_and_that_is_said(clinical, name, damage):
    damage(clinical / f"{name}.csv")
    tables = read_tables(clinical)
    assert tables.frames[name].empty
    assert tables.frames[META]["ImageUID"].tolist() == ["10", "11"]
    marks = name in (QUALITY, MAYO)
    assert len(tables.unknown) == marks
    assert tables.unknown["reason"].str.contains("scans that ADNI rejected are not left out").all()
    assert any("not needed" in note for note in tables.notes) == (not marks)


@pytest.mark.parametrize("name", list(NEEDED_COLUMNS))
def test_a_missing_table_is_named(clinical, name):
    (clinical / f"{name}.csv").unlink()
    with pytest.raises(UserError) as error:
        read_tables(clinical)
    assert name in error.value.expected
    assert str(clinical) in str(error.value)


@pytest.mark.parametrize("name", list(NEEDED_COLUMNS))
def test_an_empty_file_is_named(clinical, name):
    (clinical / f"{name}.csv").write_text("")
    with pytest.raises(UserError, match=f"{name}.csv"):
        read_tables(clinical)


@pytest.mark.parametrize("name", [MERGE, META])
def test_a_header_alone_is_not_enough(clinical, name):
    (clinical / f"{name}.csv").write_text(",".join(TABLE_COLUMNS[name]) + "\n")
    with pytest.raises(UserError, match="header only"):
        read_tables(clinical)


@pytest.mark.parametrize("name", list(TABLE_COLUMNS))
def test_a_doubled_table_is_refused(clinical, name):
    (clinical / "older").mkdir()
    (clinical / "older" / f"{name}_01Jan2024.csv").write_text((clinical / f"{name}.csv").read_text())
    with pytest.raises(UserError, match="2: "):
        read_tables(clinical)


@pytest.mark.parametrize("name, column", [(MERGE, "PTID"), (META, "ImageUID"), (META, "Sequence")])
def test_a_missing_column_is_named(clinical, name, column):
    path = clinical / f"{name}.csv"
    pd.read_csv(path, dtype=str).drop(columns=column).to_csv(path, index=False)
    with pytest.raises(UserError, match=column):
        read_tables(clinical)


@pytest.mark.parametrize("column", [column for column in TABLE_COLUMNS[MERGE] if column != "PTID"])
def test_a_missing_column_of_labels_is_a_warning_if_it_is_used(clinical, column):
    path = clinical / f"{MERGE}.csv"
    pd.read_csv(path, dtype=str).drop(columns=column).to_csv(path, index=False)
    tables = read_tables(clinical)
    assert tables.quarantine.empty
    assert tables.frames[MERGE][column].tolist() == ["", ""]
    used = {label.column for label in LABELS[MERGE]}
    assert tables.unknown["reason"].tolist() == ([f"no column {column}"] if column in used else [])


@pytest.mark.parametrize("column", [column for column in TABLE_COLUMNS[META] if column not in NEEDED_COLUMNS[META]])
def test_a_column_that_the_list_of_images_can_do_without_is_noted(clinical, column):
    path = clinical / f"{META}.csv"
    pd.read_csv(path, dtype=str).drop(columns=column).to_csv(path, index=False)
    tables = read_tables(clinical)
    assert tables.frames[META]["ImageUID"].tolist() == ["10", "11"]
    assert any(f"no column for {column}" in note for note in tables.notes)


def test_all_faults_are_raised_at_once(clinical):
    (clinical / f"{MERGE}.csv").unlink()
    (clinical / f"{META}.csv").write_text("")
    (clinical / f"{DIAGNOSES}_01Jan2024.csv").write_text((clinical / f"{DIAGNOSES}.csv").read_text())
    with pytest.raises(UserErrors) as error:
        read_tables(clinical)
    assert len(error.value.errors) == 3
    for words in ("none of that name", "an empty file", "2: "):
        assert words in str(error.value)
    assert all(fault.cure for fault in error.value.errors)


def test_a_column_that_stands_twice_is_an_error(clinical):
    path = clinical / f"{MERGE}.csv"
    pd.read_csv(path, dtype=str).assign(**{" PTID": GOOD}).to_csv(path, index=False)
    with pytest.raises(UserError, match="twice: PTID"):
        read_tables(clinical)


def test_a_row_cut_short_knows_nothing_and_a_closing_comma_does_no_harm(clinical):
    path = clinical / f"{MERGE}.csv"
    header, first, second = path.read_text().splitlines()
    path.write_text("\n".join([header, first, second[:30]]))
    assert read_tables(clinical).frames[MERGE].loc[1, ["PTID", "VISCODE", "AGE", "DX"]].tolist() == [OTHER, "", "", ""]
    path.write_text("\n".join([header, first, second.rsplit(",", 2)[0]]))
    assert read_tables(clinical).frames[MERGE]["MOCA_bl"].tolist() == ["", ""]
    path.write_text("\n".join([header, first + ",", second + ","]))
    assert read_tables(clinical).frames[MERGE]["PTID"].tolist() == [GOOD, OTHER]


def test_an_absent_folder_is_one_error(tmp_path):
    with pytest.raises(UserError, match="no such folder") as error:
        read_tables(tmp_path / "nowhere")
    assert not isinstance(error.value, UserErrors)


def write_images(folder, *rows):
    """A list of images as LONI has given them since October 2024, each row (PTID, image ID, visit, extra values)."""
    table = [
        {"image_id": image, "subject_id": ptid, "VISCODE2": visit, "image_date": "2010-03-02", "study_id": "77"}
        | {"image_type": "Original", "image_description": "MPRAGE"}
        | values
        for ptid, image, visit, values in rows
    ]
    pd.DataFrame(table).to_csv(folder / "STUDY_All_Images_21Nov2025.csv", index=False)


def test_todays_list_of_images_is_read(clinical):
    (clinical / f"{META}.csv").unlink()
    write_images(clinical, (GOOD, "I10", "sc", {}), (OTHER, "11", "m12", {"image_type": "Pre-processed"}))
    tables = read_tables(clinical)
    rows = tables.frames[META].set_index("ImageUID")
    assert rows["Visit"].to_dict() == {"10": "ADNI Screening", "11": "ADNI1/GO Month 12"}
    assert rows["Orig/Proc"].to_dict() == {"10": "Original", "11": "Processed"}
    assert (rows[["SeriesID", "MagStrength"]] == "").all(axis=None)
    assert tables.quarantine.empty
    notes = "\n".join(tables.notes)
    assert "SeriesID: taken from the file names" in notes
    assert "MagStrength: taken from the DICOM headers" in notes


def test_other_series_are_set_aside_under_their_image_id(clinical):
    (clinical / f"{META}.csv").unlink()
    flair = {"image_description": "Sagittal 3D FLAIR"}
    write_images(clinical, (GOOD, "10", "sc", {}), (GOOD, "12", "sc", flair))
    row = read_tables(clinical).quarantine.iloc[0]
    assert (row["subject"], row["image_id"], row["line"]) == ("ADNI011S0021", "12", 3)
    assert row["reason"] == NOT_T1
    assert row["cure"]


def test_a_newer_list_of_images_adds_to_the_older(clinical):
    """An archived MPRAGEMETA ends before a subject's newest scans."""
    change(clinical, META, 1, "Sequence", "")
    write_images(clinical, (GOOD, "10", "m06", {}), (OTHER, "11", "sc", {}), (OTHER, "12", "m12", {}))
    tables = read_tables(clinical)
    rows = tables.frames[META].set_index("ImageUID")
    assert rows["SeriesID"].to_dict() == {"10": "510", "11": "", "12": ""}
    assert rows["Visit"].to_dict() == {"10": "ADNI Screening", "11": "ADNI Screening", "12": "ADNI1/GO Month 12"}
    assert tables.quarantine.empty


def test_visits_are_named_by_the_phase_that_recruited_the_subject(tmp_path):
    later = visit_row(GOOD, "m60", "2015-03-01", COLPROT="ADNI2")
    write_tables(tmp_path, [visit_row(GOOD), later], [])
    (tmp_path / f"{META}.csv").unlink()
    write_images(tmp_path, (GOOD, "10", "sc", {}))
    assert read_tables(tmp_path).frames[META]["Visit"].tolist() == ["ADNI Screening"]


def test_of_two_names_of_another_table_the_older_is_read_and_said(clinical):
    newer = pd.read_csv(clinical / f"{DIAGNOSES}.csv", dtype=str).assign(DIAGNOSIS="3")
    newer.to_csv(clinical / "DXSUM_21Nov2025.csv", index=False)
    tables = read_tables(clinical)
    assert set(tables.frames[DIAGNOSES]["DIAGNOSIS"]) == {"1"}
    assert [note for note in tables.notes if "DXSUM_21Nov2025.csv: not read" in note]


def test_legacy_tables_need_no_assumption(clinical):
    assert read_tables(clinical).notes == []


def test_the_users_files_are_not_touched(clinical):
    (clinical / f"{META}.csv").unlink()
    write_images(clinical, (GOOD, "10", "sc", {}))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in clinical.iterdir()}
    read_tables(clinical)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in clinical.iterdir()} == before


def test_a_subject_keeps_its_earlier_phases(tmp_path):
    """Of someone who went on into ADNI4, the rows of ADNI4 alone are set aside."""
    visits = [
        visit_row(GOOD, ORIGPROT="ADNI3", COLPROT="ADNI3"),
        visit_row(GOOD, "m84", "2017-03-01", ORIGPROT="ADNI3", COLPROT="ADNI4"),
    ]
    write_tables(tmp_path, visits, [image_row(GOOD, 10), image_row(GOOD, 11, Visit="ADNI4 Initial Visit")])
    pd.DataFrame(
        [(GOOD, "sc", "1", "ADNI3"), (GOOD, "m84", "2", "ADNI4")], columns=["PTID", "VISCODE2", "DIAGNOSIS", "PHASE"]
    ).to_csv(tmp_path / f"{DIAGNOSES}.csv", index=False)
    tables = read_tables(tmp_path)
    assert tables.frames[MERGE]["VISCODE"].tolist() == ["bl"]
    assert tables.frames[META]["ImageUID"].tolist() == ["10"]
    assert tables.frames[DIAGNOSES]["VISCODE2"].tolist() == ["sc"]
    assert tables.quarantine["subject"].tolist() == ["ADNI011S0021"] * 3
    assert tables.quarantine["reason"].str.contains("ADNI4").all()


def test_rows_keyed_by_roster_number_are_set_aside_under_the_subject(clinical):
    marks = pd.DataFrame([("21", "S510", "good")], columns=TABLE_COLUMNS[QUALITY])
    marks.to_csv(clinical / f"{QUALITY}.csv", index=False)
    assert read_tables(clinical).quarantine["subject"].tolist() == ["ADNI011S0021"]


def test_a_second_row_of_a_visit_is_set_aside(tmp_path):
    write_tables(tmp_path, [visit_row(GOOD), visit_row(GOOD)], [image_row(GOOD, 10)])
    tables = read_tables(tmp_path)
    assert tables.frames[MERGE]["DX"].tolist() == ["CN"]
    assert tables.quarantine["subject"].tolist() == ["ADNI011S0021"]


def test_baseline_and_month_nought_are_one_visit(tmp_path):
    write_tables(tmp_path, [visit_row(GOOD), visit_row(GOOD, "m00")], [image_row(GOOD, 10)])
    assert read_tables(tmp_path).frames[MERGE]["VISCODE"].tolist() == ["bl"]


def test_a_table_of_poison_only_is_an_error(tmp_path):
    write_tables(tmp_path, [visit_row(GOOD, COLPROT="ADNI4")], [image_row(GOOD, 10)])
    with pytest.raises(UserError, match="found 'ADNI4'"):
        read_tables(tmp_path)


@pytest.mark.parametrize("tesla, nominal", [(1.5, 1.5), (1.494, 1.5), (2.89362, 3.0), (3.0, 3.0)])
def test_field_strengths_become_nominal(tesla, nominal):
    assert nominal_field(tesla) == nominal
