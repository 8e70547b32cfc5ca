import pandas as pd
import pytest

from ldae.cohort.columns import INVENTORY_COLUMNS
from ldae.cohort.inventory import build_inventory, shard_of
from ldae.errors import UserError
from ldae.files import read_table
from tests.adni_download import Download, image_row, visit_row, write_series

A, B, C = "011_S_0021", "012_S_0345", "013_S_0007"


@pytest.fixture
def download(tmp_path):
    made = Download(tmp_path / "download")
    made.add(A, 10)
    made.add(B, 11)
    return made


def run(download, out, shards=3):
    tables = [str(out / f"{shard}.csv") for shard in range(shards)]
    build_inventory(download.dicom_dir, download.clinical_dir, out / "inventory.csv", out / "quarantine.csv", tables)
    text = {"dtype": str, "keep_default_na": False}
    parts = [read_table(path, tuple(INVENTORY_COLUMNS), **text) for path in tables]
    return read_table(out / "inventory.csv", **text), read_table(out / "quarantine.csv", **text), parts


def test_every_image_is_in_the_inventory_and_in_one_shard(download, tmp_path):
    images, quarantine, shards = run(download.write(), tmp_path)
    assert images["image_id"].tolist() == ["10", "11"]
    assert quarantine.empty
    assert sorted(pd.concat(shards)["image_id"]) == ["10", "11"]
    for number, shard in enumerate(shards):
        assert (shard["subject"].map(lambda subject: shard_of(subject, 3)) == number).all()


def test_processed_rows_without_a_file_leave_no_trace(download, tmp_path):
    download.images.append(image_row(A, 99, **{"Orig/Proc": "Processed", "Sequence": "MPR; N3; Scaled"}))
    images, quarantine, _ = run(download.write(), tmp_path)
    assert images["source"].tolist() == ["original", "original"]
    assert quarantine.empty


def test_disk_and_list_are_held_against_each_other(download, tmp_path):
    download.images.append(image_row(A, 50, Visit="ADNI1/GO Month 6"))
    download.images.append(image_row(C, 51))
    write_series(download.dicom_dir, A, 60)
    images, quarantine, _ = run(download.write(), tmp_path)
    assert len(images) == 2
    reasons = dict(zip(quarantine["image_id"], quarantine["reason"], strict=True))
    assert "no file on disk" in reasons["50"]
    assert "not listed" in reasons["60"]
    assert "1 subjects" in reasons[""]
    assert quarantine["cure"].ne("").all()


def test_an_image_in_two_places_or_of_another_subject_is_set_aside(download, tmp_path):
    write_series(download.dicom_dir, B, 10)
    images, quarantine, _ = run(download.write(), tmp_path)
    assert images["image_id"].tolist() == ["11"]
    assert set(quarantine["image_id"]) == {"10"} and len(quarantine) == 2


def test_an_image_listed_for_another_subject_is_set_aside(download, tmp_path):
    download.images[0]["SubjectID"] = B
    _, quarantine, _ = run(download.write(), tmp_path)
    assert "another subject" in quarantine.set_index("image_id").loc["10", "reason"]


def test_subjects_that_clinica_cannot_convert_are_set_aside(download, tmp_path):
    write_series(download.dicom_dir, "012_S_10345", 12)
    images, quarantine, _ = run(download.write(), tmp_path)
    assert len(images) == 2
    assert "five-digit" in quarantine.set_index("image_id").loc["12", "reason"]


def test_an_image_whose_row_is_poison_has_one_line_with_the_reason(download, tmp_path):
    download.images[0]["ScanDate"] = "03/02/2010"
    images, quarantine, _ = run(download.write(), tmp_path)
    assert images["image_id"].tolist() == ["11"]
    assert quarantine["image_id"].tolist() == ["10"]
    assert "ScanDate" in quarantine.loc[0, "reason"]


def test_a_subject_without_visits_does_not_stop_the_others(download, tmp_path):
    download.visits[0]["EXAMDATE"] = "03/01/2010"
    images, quarantine, _ = run(download.write(), tmp_path)
    assert images["image_id"].tolist() == ["11"]
    assert "ADNIMERGE" in quarantine.set_index("image_id").loc["10", "reason"]
    assert "EXAMDATE" in quarantine.set_index("image_id").loc["", "reason"]


def test_changed_clinical_rows_change_their_own_subject_only(download, tmp_path):
    before, _, _ = run(download.write(), tmp_path / "a")
    download.visits[0]["DX"] = "MCI"
    download.clinical_dir.rename(tmp_path / "old")
    after, _, _ = run(download.write(), tmp_path / "b")
    assert (before["clinical_hash"] != after["clinical_hash"]).tolist() == [True, False]
    assert before.drop(columns="clinical_hash").equals(after.drop(columns="clinical_hash"))


def test_no_image_at_all_is_an_error(tmp_path):
    download = Download(tmp_path)
    download.visits.append(visit_row(A))
    download.images.append(image_row(A, 10))
    (download.dicom_dir / A).mkdir(parents=True)
    with pytest.raises(UserError, match="no file on disk"):
        run(download.write(), tmp_path)


def test_shards_are_stable_and_used():
    labels = [f"ADNI011S{number:04d}" for number in range(200)]
    counts = pd.Series([shard_of(label, 4) for label in labels]).value_counts()
    assert shard_of("ADNI011S0021", 4) == shard_of("ADNI011S0021", 4)
    assert set(counts.index) == {0, 1, 2, 3} and counts.min() > 25
