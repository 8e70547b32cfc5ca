import pandas as pd
import pytest

from ldae.cohort.adni.names import label_of
from ldae.cohort.adni.preflight import check_download, describe_check, write_check, write_inventory
from ldae.cohort.columns import FINDING_COLUMNS, INVENTORY_COLUMNS, QUARANTINE_COLUMNS
from ldae.cohort.pilot import Pilot
from ldae.cohort.series.dicom import VolumeFacts
from ldae.cohort.shards import shard_of
from ldae.errors import UserErrors
from ldae.files import read_table
from ldae.pool import Outcome
from tests.adni_download import Download, edit_series, image_row, visit_row, write_series

A, B, C = "011_S_0021", "012_S_0345", "014_S_0008"  # one of them in the other shard


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    """Spare the start of a process pool."""
    monkeypatch.setattr(
        "ldae.cohort.adni.headers.finish_items",
        lambda function, items, **_: (Outcome(item, function(item)) for item in items),
    )


@pytest.fixture
def download(tmp_path):
    made = Download(tmp_path / "download")
    made.add(A, 10)
    made.add(B, 11)
    return made


def check(download):
    return check_download(download.dicom_dir, download.clinical_dir, shards=2, workers=1)


def write(download, out):
    """Run inventory and check as the rules do; return where they write."""
    places = {name: out / f"{name}.csv" for name in ("inventory", "quarantine", "findings", "state")}
    shards = [str(out / f"{shard}.csv") for shard in range(2)]
    folders, kept = (download.dicom_dir, download.clinical_dir), {name: places[name] for name in ("findings", "state")}
    write_inventory(*folders, inventory=places["inventory"], shard_tables=shards, workers=1, **kept)
    write_check(*folders, quarantine=places["quarantine"], workers=1, **kept)
    return places, shards


def found(checked, severity):
    of_scans = checked.findings[~checked.findings["where"].str.startswith("tables: ")]  # there are but two subjects
    return of_scans.loc[of_scans["severity"] == severity, "found"].tolist()


def test_a_sound_download_has_nothing_but_images(download):
    checked = check(download.write())
    assert checked.images["image_id"].tolist() == ["10", "11"]
    assert checked.quarantine.empty
    assert not checked.errors
    assert not found(checked, "error")
    assert not found(checked, "warning")


def test_every_image_is_in_the_inventory_and_in_one_shard(download, tmp_path):
    download.add(C, 12)
    places, shards = write(download.write(), tmp_path / "out")
    text = {"dtype": str, "keep_default_na": False}
    parts = [read_table(path, tuple(INVENTORY_COLUMNS), **text) for path in shards]
    assert read_table(places["inventory"], **text)["image_id"].tolist() == ["10", "11", "12"]
    assert sorted(pd.concat(parts)["image_id"]) == ["10", "11", "12"]
    assert [set(part["subject"]) for part in parts] == [
        {label for label in map(label_of, (A, B, C)) if shard_of(label, 2) == number} for number in range(2)
    ]
    assert all(len(part) for part in parts)
    assert read_table(places["quarantine"], tuple(QUARANTINE_COLUMNS)).empty
    assert list(read_table(places["findings"])) == FINDING_COLUMNS
    assert len(read_table(places["state"])) == 3


def test_all_faults_of_a_thoroughly_bad_download_come_in_one_message(download, tmp_path):
    """Tables doubled, without a column or usable row, others missing or empty; folders a level too high."""
    download.visits = [row | {"COLPROT": "ADNI4"} for row in download.visits]
    download.write()
    tables = download.clinical_dir
    (tables / "APOERES.csv").unlink()
    (tables / "DXSUM_PDXCONV_ADNIALL.csv").rename(tables / "DIAGNOSES.csv")
    (tables / "old").mkdir()
    (tables / "old" / "MRIQUALITY_01Jan2020.csv").write_bytes((tables / "MRIQUALITY.csv").read_bytes())
    meta = pd.read_csv(tables / "MPRAGEMETA.csv", dtype=str)
    meta.drop(columns=["ImageUID", "Sequence"]).to_csv(tables / "MPRAGEMETA.csv", index=False)
    (tables / "MAYOADIRL_MRI_IMAGEQC_05_07_15.csv").write_bytes(b"")
    download.dicom_dir.rename(tmp_path / "inside")
    download.dicom_dir.mkdir()
    (tmp_path / "inside").rename(download.dicom_dir / "ADNI")
    with pytest.raises(UserErrors) as error:
        write(download, tmp_path / "out")
    message = str(error.value)
    for words in (
        "one MRIQUALITY table",
        "ImageUID",
        "at least one usable row",
        str(download.dicom_dir / "ADNI"),
    ):
        assert words in message, words
    assert len(error.value.errors) == 4
    assert all(part.cure and part.found and part.expected for part in error.value.errors)
    findings = read_table(tmp_path / "out" / "findings.csv")
    assert findings["severity"].tolist() == ["error"] * 4, "kept after the failure"
    assert not (tmp_path / "out" / "inventory.csv").exists()


def test_series_are_checked_although_a_table_is_missing(download, tmp_path):
    write_series(download.dicom_dir, A, 12)[3].write_bytes(b"")
    download.write()
    (download.clinical_dir / "ADNIMERGE.csv").unlink()
    checked = check(download)
    assert len(checked.errors) == 1
    assert len(found(checked, "warning")) == 1
    assert "is empty" in found(checked, "warning")[0]


def test_faults_of_one_kind_are_one_warning_with_count_and_example(download):
    for image_id in (12, 13, 14):
        download.images.append(image_row(A, image_id))
        write_series(download.dicom_dir, A, image_id)[image_id - 8].unlink()
    download.visits += [visit_row(A, viscode, "2011-03-01") for viscode in ("sc", "v04")]
    checked = check(download.write())
    images, rows = found(checked, "warning")
    assert rows == "2 rows, e.g. line 4: VISCODE must be bl or mNN, found 'sc'"
    assert images.startswith("3 images, e.g. 12 of ADNI011S0021: 1 slices missing by their positions")


def test_the_commonest_kind_of_fault_comes_first(download):
    write_series(download.dicom_dir, A, 12)  # not listed
    for image_id in (13, 14):
        download.images.append(image_row(A, image_id))
        write_series(download.dicom_dir, A, image_id)[7].unlink()
    said = found(check(download.write()), "warning")
    assert [text.split(":")[0] for text in said] == ["2 images, e.g. 13 of ADNI011S0021", "1 image, 12 of ADNI011S0021"]


def test_folders_that_are_not_read_are_said(download):
    write_series(download.dicom_dir / "part2", "013_S_0007", 12)
    (download.dicom_dir / "014_S_0008").mkdir()
    (download.dicom_dir / "notes.txt").write_text("")
    checked = check(download.write())
    deeper, empty = found(checked, "warning")
    assert "1 folders" in deeper and "part2" not in deeper
    assert "014_S_0008" in empty
    assert any("1 other entries" in note for note in found(checked, "note"))


def test_no_usable_image_is_an_error_with_the_reasons(tmp_path):
    download = Download(tmp_path)
    download.visits.append(visit_row(A))
    download.images.append(image_row(A, 10))
    (download.dicom_dir / A).mkdir(parents=True)
    checked = check(download.write())
    assert len(checked.errors) == 1
    assert "no file on disk" in checked.errors[0].found
    assert "no file on disk" in describe_check(checked, "images", "tables")


def test_nothing_of_the_download_is_changed(download, tmp_path):
    download.write()
    before = {path: path.stat().st_mtime_ns for path in download.root.rglob("*")}
    write(download, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in download.root.rglob("*")} == before


def test_no_finding_quotes_the_headers(download, tmp_path):
    series = write_series(download.dicom_dir, A, 12)
    names = dict.fromkeys(("PatientName", "PatientID", "InstitutionName"), "Jane")
    edit_series(series, **names, SeriesDescription="Jane FLAIR", ProtocolName="Jane")
    write(download.write(), tmp_path / "out")
    written = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert "SeriesDescription" in written
    assert "Jane" not in written


def test_the_check_reads_no_header_that_the_inventory_has_read(download, tmp_path, monkeypatch, caplog):
    download.write()
    (download.clinical_dir / "ADNIMERGE.csv").write_text(
        (download.clinical_dir / "ADNIMERGE.csv").read_text().replace("70.3", "old", 1)
    )
    kept = {name: tmp_path / f"{name}.csv" for name in ("findings", "state")}
    folders = (download.dicom_dir, download.clinical_dir)
    write_inventory(
        *folders, inventory=tmp_path / "inventory.csv", shard_tables=[tmp_path / "0.csv"], workers=1, **kept
    )
    monkeypatch.setattr("ldae.cohort.adni.headers.check_image", lambda *_: pytest.fail("read again"))
    with caplog.at_level("INFO", logger="ldae"):
        write_check(*folders, quarantine=tmp_path / "quarantine.csv", workers=1, **kept)
    assert "AGE must be an age of 18 to 110 years, found text" in caplog.text
    assert read_table(tmp_path / "findings.csv")["found"].str.contains("found text").sum() == 1
    assert read_table(tmp_path / "quarantine.csv").empty


class TestAPilot:
    """Of the download a part is used, and nothing is said of the rest."""

    def check(self, download, **pilot):
        return check_download(download.dicom_dir, download.clinical_dir, shards=2, workers=1, pilot=Pilot(**pilot))

    def test_only_the_chosen_subjects_are_read(self, download, monkeypatch):
        seen = []
        monkeypatch.setattr(
            "ldae.cohort.adni.headers.finish_items",
            lambda function, items, **_: (Outcome(item, function(item)) for item in seen.append(len(items)) or items),
        )
        download.write()
        checked = self.check(download, subjects=[B])
        assert set(checked.images["subject"]) == {label_of(B)} and set(checked.files["ptid"]) == {B}
        assert seen == [1]
        notes = " ".join(checked.findings["found"])
        assert "a pilot, by cohort.subjects: 1 of 1 images are used, of 1 subjects" in notes
        assert "no folder on disk" not in " ".join(checked.quarantine["reason"])

    def test_faults_of_the_others_are_not_said(self, download):
        download.add(C, 12)
        download.write()
        edit_series(sorted((download.dicom_dir / C).rglob("*.dcm")), Rows=3)
        assert label_of(C) in set(self.check(download).quarantine["subject"])
        assert label_of(C) not in set(self.check(download, subjects=[A, B]).quarantine["subject"])

    def test_sessions_are_chosen_by_their_label(self, download):
        download.visits.append(visit_row(A, "m12", "2011-03-01"))
        download.images.append(image_row(A, 20, ScanDate="2011-03-02"))
        write_series(download.dicom_dir, A, 20)
        download.write()
        whole = self.check(download).images
        assert set(whole["session"]) == {"M000", "M012"}
        part = self.check(download, sessions=["ses-M012"]).images
        assert list(part["image_id"]) == ["20"]

    def test_who_is_not_there_is_an_error_of_the_check(self, download):
        download.write()
        for key, name in (("subjects", "099_S_9999"), ("sessions", "M099")):
            errors = self.check(download, **{key: [name]}).errors
            assert f"cohort.{key}" in [error.where for error in errors]

    @pytest.mark.parametrize("name", ["20", "I20", A, label_of(A), f"sub-{label_of(A)}"])
    def test_what_is_left_out_is_not_read_and_says_why(self, download, monkeypatch, name):
        download.images.append(image_row(A, 20))
        write_series(download.dicom_dir, A, 20)
        download.write()
        read = []
        monkeypatch.setattr(
            "ldae.cohort.adni.headers.check_series", lambda files, _: read.extend(files) or VolumeFacts(1, 1, 1)
        )
        checked = self.check(download, exclude=[f"{name}, it never ends"])
        gone = {"20"} if name.endswith("20") else {"10", "20"}
        assert set(checked.images["image_id"]) == {"10", "11", "20"} - gone
        why = checked.quarantine.set_index("image_id")["reason"].to_dict()
        assert why == dict.fromkeys(gone, "left out by cohort.exclude: it never ends")
        assert not [path for path in read if path.parent.name.removeprefix("I") in gone]
