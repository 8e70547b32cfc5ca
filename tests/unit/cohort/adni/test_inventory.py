import pandas as pd
import pytest

from ldae.cohort.adni.headers import check_headers
from ldae.cohort.adni.inventory import list_images
from ldae.cohort.adni.tables import read_tables
from ldae.cohort.disk import find_subjects, list_files, place_of
from ldae.cohort.shards import shard_of
from tests.adni_download import Download, image_row, visit_row, write_series

A, B, C = "011_S_0021", "012_S_0345", "013_S_0007"


@pytest.fixture
def download(tmp_path):
    made = Download(tmp_path / "download")
    made.add(A, 10)
    made.add(B, 11)
    return made


def run(download, verdicts=None, without=()):
    """Images, quarantine and notes; `verdicts` by image ID, where not sound; MPRAGEMETA `without` some columns."""
    files = list_files(download.dicom_dir).assign(verdict="sound", fault="", fault_cure="", header_field_t="")
    for image_id, values in (verdicts or {}).items():
        files.loc[files["image_id"] == image_id, list(values)] = list(values.values())
    tables = read_tables(download.clinical_dir)
    for column in without:
        tables.frames["MPRAGEMETA"][column] = ""
    images, quarantine, notes = list_images(tables, files, find_subjects(download.dicom_dir), 3)
    return images, quarantine, notes


def test_every_image_is_in_the_inventory_and_in_its_shard(download):
    images, quarantine, notes = run(download.write())
    assert images["image_id"].tolist() == ["10", "11"]
    assert images["shard"].tolist() == [shard_of(subject, 3) for subject in images["subject"]]
    assert quarantine.empty
    assert not notes


@pytest.mark.parametrize("scanned, session", [("2010-08-20", "M006"), ("2011-02-20", "M012"), ("2010-04-30", "M000")])
def test_session_and_phase_are_those_of_the_nearest_visit(download, scanned, session):
    download.visits.append(visit_row(A, "m06", "2010-09-01", COLPROT="ADNIGO"))
    download.visits.append(visit_row(A, "m12", "2011-03-01", COLPROT="ADNI2"))
    download.images[0]["ScanDate"] = scanned
    images, _, _ = run(download.write(), without=["MagStrength"])
    assert images.loc[0, "session"] == session
    assert images["field_strength_t"].tolist() == [1.5 if session == "M000" else 3.0, 1.5], "of ADNI1, of later phases"


def test_processed_rows_without_a_file_leave_no_trace(download):
    processed = {"Orig/Proc": "Processed", "Sequence": "MPR; N3; Scaled"}
    download.images += [image_row(A, 99, **processed), image_row(A, 98, **processed, Visit="ADNI1/GO Month 6")]
    images, quarantine, _ = run(download.write())
    assert images["source"].tolist() == ["original", "original"]
    assert quarantine.empty


def test_disk_and_list_are_held_against_each_other(download):
    download.images.append(image_row(A, 50, Visit="ADNI1/GO Month 6"))
    download.images.append(image_row(C, 51))
    write_series(download.dicom_dir, A, 60)
    images, quarantine, _ = run(download.write())
    assert len(images) == 2
    reasons = dict(zip(quarantine["image_id"], quarantine["reason"], strict=True))
    assert "no file on disk" in reasons["50"]
    assert "not listed" in reasons["60"]
    assert "1 subjects" in reasons[""]
    assert quarantine["cure"].ne("").all()


def test_an_image_in_two_places_or_of_another_subject_is_set_aside(download):
    write_series(download.dicom_dir, B, 10)
    images, quarantine, _ = run(download.write())
    assert images["image_id"].tolist() == ["11"]
    assert set(quarantine["image_id"]) == {"10"}
    assert len(quarantine) == 2


def test_an_image_listed_for_another_subject_is_set_aside(download):
    download.images[0]["SubjectID"] = B
    _, quarantine, _ = run(download.write())
    assert "another subject" in quarantine.set_index("image_id").loc["10", "reason"]


def test_subjects_that_clinica_cannot_convert_are_set_aside(download):
    write_series(download.dicom_dir, "012_S_10345", 12)
    images, quarantine, _ = run(download.write())
    assert len(images) == 2
    assert "five-digit" in quarantine.set_index("image_id").loc["12", "reason"]


def test_an_image_whose_row_is_poison_has_one_line_with_the_reason(download):
    download.images[0]["Sequence"] = ""
    images, quarantine, _ = run(download.write())
    assert images["image_id"].tolist() == ["11"]
    assert quarantine["image_id"].tolist() == ["10"]
    assert "Sequence" in quarantine.loc[0, "reason"]


def test_a_subject_without_a_row_has_its_image_all_the_same(download):
    download.visits[0] |= {"PTID": C, "RID": "7"}
    images, quarantine, _ = run(download.write())
    assert images[["image_id", "session"]].to_numpy().tolist() == [["10", "M000"], ["11", "M000"]]
    assert quarantine.empty


@pytest.mark.parametrize("column, value", [("ScanDate", "soon"), ("ScanDate", ""), ("Visit", ""), ("SeriesID", "x")])
def test_a_bad_cell_of_the_list_of_images_costs_no_image(download, column, value):
    download.images[0] |= {column: value} | ({"Visit": ""} if column == "ScanDate" else {})
    images, quarantine, _ = run(download.write())
    row = images.set_index("image_id").loc["10"]
    assert quarantine.empty
    assert row["scan_date"] == "2010-03-02"
    assert row["series_id"] == "510"
    assert row["visit"] == ("ADNI Screening" if column == "SeriesID" else "scan of 2010-03-02")


def test_a_day_to_come_is_no_day_of_a_scan(download):
    download.images[0]["ScanDate"] = "2031-03-02"
    images, _, notes = run(download.write())
    assert images.set_index("image_id").loc["10", ["scan_date", "session"]].tolist() == ["2010-03-02", "M000"]
    assert "(1 images)" in notes[0]


def test_an_image_whose_day_nothing_tells_is_set_aside(download):
    download.images[0]["ScanDate"] = "soon"
    folder = next(download.dicom_dir.glob(f"{A}/*/*"))
    folder.rename(folder.with_name("first"))
    images, quarantine, _ = run(download.write())
    assert images["image_id"].tolist() == ["11"]
    assert "the day of the scan" in quarantine.set_index("image_id").loc["10", "reason"]


def test_stray_slices_in_another_folder_do_not_cost_their_image(download):
    series = write_series(download.dicom_dir, A, 12)
    download.images.append(image_row(A, 12, Visit="ADNI1/GO Month 6", ScanDate="2010-09-03"))
    other = next(download.dicom_dir.rglob("I10"))
    for path in series[:3]:
        (other / path.name).write_bytes(path.read_bytes())
    files = check_headers(list_files(download.dicom_dir), download.dicom_dir, workers=1)
    images, quarantine, notes = list_images(
        read_tables(download.write().clinical_dir), files, find_subjects(download.dicom_dir), 3
    )
    assert images["image_id"].tolist() == ["10", "12", "11"]
    assert quarantine.empty
    assert len(notes) == 1
    assert "3 stray files of image 12" in notes[0]


def test_a_corrected_label_leaves_the_inventory_as_it_is(download, tmp_path):
    before, _, _ = run(download.write())
    download.visits[0] |= {"DX": "MCI", "AGE": "61.5", "PTGENDER": "Male", "SITE": "99"}
    download.clinical_dir.rename(tmp_path / "old")
    after, _, _ = run(download.write())
    assert after.equals(before)
    assert len(after) == 2


def test_a_faulty_image_is_set_aside_and_all_its_faults_are_said(download):
    download.images[1]["Sequence"] = ""
    broken = {"verdict": "broken", "fault": "3 slices missing", "fault_cure": "download it again"}
    other = broken | {"verdict": "other", "fault": "a localiser", "fault_cure": "none"}
    images, quarantine, _ = run(download.write(), {"10": other, "11": broken})
    rows = quarantine.set_index("image_id")
    assert images.empty
    assert rows.loc["10", ["reason", "cure"]].tolist() == ["a localiser", "none"]
    assert "Sequence" in rows.loc["11", "reason"]
    assert rows.loc["11", "reason"].endswith("; 3 slices missing")
    assert rows.loc["11", "cure"].endswith("; download it again")


def test_an_image_without_an_id_goes_by_its_place(download):
    series = write_series(download.dicom_dir, A, 12)
    folder = series[0].parent.rename(series[0].parent.with_name("Roe^Jane_1947-03-12"))
    for number, path in enumerate(sorted(folder.iterdir())):
        path.rename(folder / f"{number}.dcm")
    _, quarantine, _ = run(download.write())
    assert quarantine["image_id"].tolist() == [place_of(folder, download.dicom_dir)]
    assert quarantine["image_id"].item().startswith(f"{A}/(") and "Roe" not in quarantine["image_id"].item()
    assert "image ID" in quarantine.loc[0, "reason"]


def test_what_the_table_lacks_comes_from_names_and_headers_and_is_said(download):
    images, _, notes = run(download.write(), {"10": {"header_field_t": "2.894"}}, without=["SeriesID", "MagStrength"])
    assert images["series_id"].tolist() == ["510", "511"]
    assert images["field_strength_t"].tolist() == [3.0, 1.5], "of the header; of the phase, ADNI1"
    for note, what in zip(notes, ["file names (2", "MagneticFieldStrength) (1", "no header tells (1"], strict=True):
        assert what in note


def test_a_processed_image_takes_the_field_strength_of_its_original(download):
    write_series(download.dicom_dir, A, 12)
    download.images.append(image_row(A, 12, SeriesID="510", **{"Orig/Proc": "Processed"}))
    images, _, _notes = run(download.write(), {"10": {"header_field_t": "3"}}, without=["MagStrength"])
    assert images.set_index("image_id")["field_strength_t"].to_dict() == {"10": 3.0, "12": 3.0, "11": 1.5}


def test_a_field_strength_that_headers_contradict_is_said(download):
    images, _, notes = run(download.write(), {"10": {"header_field_t": "3"}})
    assert images["field_strength_t"].tolist() == [1.5, 1.5]
    assert len(notes) == 1
    assert "differs from the headers (1 of 2" in notes[0]


def test_shards_are_stable_and_used():
    labels = [f"ADNI011S{number:04d}" for number in range(200)]
    counts = pd.Series([shard_of(label, 4) for label in labels]).value_counts()
    assert shard_of("ADNI011S0021", 4) == shard_of("ADNI011S0021", 4)
    assert set(counts.index) == {0, 1, 2, 3}
    assert counts.min() > 25
