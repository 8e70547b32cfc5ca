"""A download whose tables are damaged in every cell that no image needs, through check, Clinica and dataset.csv."""

import pandas as pd
import pytest

from ldae.cohort.adni.names import MERGE, TABLE_COLUMNS
from ldae.cohort.adni.preflight import check_download, describe_check
from tests.adni_download import Download, image_row, visit_row, write_series
from tests.unit.cohort.adni.conversions import run_to_dataset

TEXT = "Jane Roe"
# By subject: its rows of ADNIMERGE, changes of its row in the list of images, and session, diagnosis, age, sex, site.
PEOPLE = {
    "011_S_0001": ([{"AGE": ""}], {}, ("M000", "CN", "", "F", "11")),
    "011_S_0002": ([{"AGE": "7400", "DX": "AD"}], {}, ("M000", "", "", "F", "11")),
    "011_S_0003": (
        [{}, {"VISCODE": "v04", "EXAMDATE": "2010-06-03", "DX": "MCI"}],
        {"ScanDate": "2010-06-04", "Visit": "ADNI2 Month 3 MRI-New Pt"},
        ("M003", "MCI", "70.5574", "F", "11"),
    ),
    "011_S_0004": (
        [{"VISCODE": "y1", "EXAMDATE": "2011-03-01", "DX": "mci", "PTGENDER": "male"}],
        {"ScanDate": "2011-03-02", "Visit": "ADNI3 Year 1 Visit"},
        ("M012", "", "71.2993", "", "11"),
    ),
    "011_S_0005": ([{"EXAMDATE": "soon", "SITE": TEXT}], {}, ("M000", "CN", "70.3", "F", "")),
    "011_S_0006": ([], {}, ("M000", "", "", "", "")),
    "011_S_0007": ([{}, {"DX": "Dementia", "AGE": "45"}], {}, ("M000", "", "", "F", "11")),
    "011_S_0008": ([{"VISCODE": "sc", "EXAMDATE": "", "EXAMDATE_bl": ""}], {}, ("M000", "", "", "F", "11")),
    "011_S_0009": (
        [{"COLPROT": "", "ORIGPROT": "one", "PTEDUCAT": "-4", "APOE4": "x", "DX_bl": "ad", "DX": "Dementia"}],
        {"ScanDate": "", "Visit": "", "SeriesID": TEXT, "MagStrength": "high", "Orig/Proc": ""},
        ("M000", "AD", "70.3", "F", "11"),
    ),
    "011_S_0010": ([{"EXAMDATE": "2031-03-01"}], {}, ("M000", "CN", "70.3", "F", "11")),
    "011_S_0011": (
        [{"EXAMDATE": "3/1/2010", "RID": ""}],
        {"ScanDate": "2013-03-05", "Visit": "ADNI1/GO Month 36"},
        ("M036", "", "", "F", "11"),
    ),
}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged")
    download = Download(root / "download")
    for number, (ptid, (visits, image, _)) in enumerate(PEOPLE.items(), 10):
        download.visits += [visit_row(ptid) | values for values in visits]
        download.images.append(image_row(ptid, number) | image)
        write_series(download.dicom_dir, ptid, number)
    download.write()
    for name in set(TABLE_COLUMNS) - {MERGE, "MPRAGEMETA"}:
        (download.clinical_dir / f"{name}.csv").unlink()
    return download, root, run_to_dataset(download, root / "out", {})


def test_no_scan_is_lost(damaged):
    assert damaged[2]["exclusions"].empty
    assert len(damaged[2]["dataset"]) == len(PEOPLE)


@pytest.mark.parametrize("ptid", PEOPLE)
def test_what_is_known_stays_and_nothing_is_made_up(damaged, ptid):
    rows = damaged[2]["dataset"].set_index("subject")
    row = rows.loc["ADNI" + ptid.replace("_", ""), ["session", "diagnosis", "age", "sex", "site"]]
    assert tuple(row) == PEOPLE[ptid][-1]


def test_each_kind_of_damage_is_said_with_its_count(damaged):
    said = damaged[2]["findings"]
    assert not said["severity"].eq("error").any()
    warnings = said[said["severity"] == "warning"]
    assert warnings[["where", "found", "cure"]].ne("").all(axis=None)
    for words in (
        "2 rows, e.g. line 2: AGE must be an age of 18 to 110 years, found ''",
        "2 rows, e.g. line 3: DX must be CN, MCI, Dementia or nothing, found 'AD'",
        "3 rows, e.g. line 5: VISCODE must be bl or mNN, found 'v04'",
        "AGE differs between the rows of this",
        "EXAMDATE is more than a year from where VISCODE and EXAMDATE_bl put it",
        "no visit within 180 days of the scan",
        "no file MRIQUALITY.csv or MRIPROT_21Nov2025.csv: scans that ADNI rejected are not left out",
    ):
        assert warnings["found"].str.contains(words, regex=False).any(), words
    notes = said.loc[said["severity"] == "note", "found"]
    assert notes.str.contains("not known: age of 6, sex of 2, diagnosis of 6 of 11 images", regex=False).any()


def test_the_check_says_so_and_lets_the_workflow_run(damaged):
    download = damaged[0]
    checked = check_download(download.dicom_dir, download.clinical_dir, shards=1, workers=1)
    text = describe_check(checked, "images", "tables")
    assert "11 images of 11 subjects on disk, 11 can be converted" in text
    assert not checked.errors


def test_no_text_of_a_cell_reaches_the_results(damaged):
    _, root, tables = damaged
    tables["findings"] = tables["findings"][~tables["findings"]["found"].str.contains("SeriesID")]  # quoted, as ever
    for name in ("dataset", "conversion", "visits", "exclusions", "findings"):
        assert TEXT not in tables[name].to_csv(), name
    assert not [path for path in (root / "out" / "bids").rglob("*.tsv") if TEXT in path.read_text()]


def test_a_label_that_is_corrected_converts_nothing_anew(damaged, monkeypatch):
    download, root, before = damaged

    def never(*_):
        raise AssertionError("Clinica was called")

    monkeypatch.setattr("ldae.cohort.adni.conversion.run_clinica", never)
    path = download.clinical_dir / "ADNIMERGE.csv"
    text = path.read_bytes()
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[table["PTID"] == "011_S_0002", ["AGE", "DX"]] = ["74", "Dementia"]
    table.to_csv(path, index=False)
    after = run_to_dataset(download, root / "out", {})["dataset"]
    path.write_bytes(text)
    changed = after["subject"] == "ADNI011S0002"
    assert after.loc[changed, ["diagnosis", "age"]].to_numpy().tolist() == [["AD", "74.0"]]
    assert after[~changed].equals(before["dataset"][~changed])
