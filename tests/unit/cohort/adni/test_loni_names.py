"""Real Clinica converts a download under today's LONI names to the very same images as under the old names."""

import pandas as pd
import pytest

from ldae.cohort.adni.conversion import convert_shard
from ldae.cohort.adni.merge import merge_shards
from ldae.cohort.adni.names import META, QUALITY
from ldae.cohort.adni.tables import read_tables
from ldae.files import read_table
from tests.adni_download import Download, edit_series, image_row, visit_row, write_series, write_unchecked_inventory

ADNI1, ADNI2, ADNI3 = "011_S_0021", "012_S_4345", "013_S_6007"
SCANS = [  # subject, image, code of the visit, its name, day of the examination, series, field strength
    (ADNI1, 10, "bl", "ADNI Screening", "2010-03-01", "MP-RAGE", "1.5"),
    (ADNI1, 20, "m06", "ADNI1/GO Month 6", "2010-09-01", "MP-RAGE", "1.5"),
    (ADNI2, 30, "bl", "ADNI2 Screening MRI-New Pt", "2010-03-01", "MPRAGE", "3.0"),
    (ADNI2, 40, "m12", "ADNI2 Year 1 Visit", "2011-03-01", "MPRAGE", "3.0"),
    (ADNI3, 50, "bl", "ADNI Screening", "2010-03-01", "Accelerated Sagittal MPRAGE", "3.0"),
]
PHASES = {ADNI1: "ADNI1", ADNI2: "ADNI2", ADNI3: "ADNI3"}


def make_download(root):
    """Five scans, and in ADNI1 one with a repeat of which ADNI's quality control passed neither the first."""
    download = Download(root)
    for ptid, image, code, name, day, sequence, tesla in SCANS:
        phase = PHASES[ptid]
        download.visits.append(visit_row(ptid, code, day, COLPROT=phase, ORIGPROT=phase))
        values = {"Visit": name, "ScanDate": day, "Sequence": sequence, "MagStrength": tesla}
        download.images.append(image_row(ptid, image, **values))
        edit_series(write_series(download.dicom_dir, ptid, image), MagneticFieldStrength=float(tesla))
    repeat = download.images[0] | {"ImageUID": "11", "SeriesID": "511", "Sequence": "MP-RAGE REPEAT"}
    download.images.append(repeat)
    write_series(download.dicom_dir, ADNI1, 11)
    download.write()
    marks = pd.DataFrame([("21", "S510", "0")], columns=["RID", "LONIUID", "PASS"])
    marks.to_csv(download.clinical_dir / f"{QUALITY}.csv", index=False)
    return download


def rename(legacy, folder):
    """Write the tables of a download as LONI has named and laid them out since October 2024."""
    folder.mkdir()
    codes = {str(image): "sc" if code == "bl" else code for _, image, code, *_ in SCANS} | {"11": "sc"}
    images = pd.read_csv(legacy / f"{META}.csv", dtype=str)
    day = pd.to_datetime(images["ScanDate"])
    today = {
        "image_id": "I" + images["ImageUID"],
        "subject_id": images["SubjectID"],
        "VISCODE2": images["ImageUID"].map(codes),
        "image_date": day.dt.month.astype(str) + "/" + day.dt.day.astype(str) + "/" + day.dt.year.astype(str),
        "image_type": images["Orig/Proc"],
        "image_description": images["Sequence"],
    }
    pd.DataFrame(today).to_csv(folder / "STUDY_All_Images_21Nov2025.csv", index=False)
    names = {QUALITY: "MRIPROT", "DXSUM_PDXCONV_ADNIALL": "DXSUM"}
    for path in legacy.glob("*.csv"):
        if path.stem != META:
            (folder / f"{names.get(path.stem, path.stem)}_21Nov2025.csv").write_bytes(path.read_bytes())


def convert(download, out):
    write_unchecked_inventory(download, out / "0.csv")
    folders = (download.dicom_dir, download.clinical_dir, out / "bids", out / "state")
    convert_shard(out / "0.csv", out / "images.csv", *folders, timeout_s=120, code="1", workers=1)
    tables = {name: out / f"{name}.csv" for name in ("conversion", "visits", "participants", "description")}
    merge_shards([out / "images.csv"], download.clinical_dir, **tables, max_lost_fraction=0.2)
    report = read_table(out / "conversion.csv", dtype=str, keep_default_na=False)
    return report.assign(path=report["path"].str.removeprefix(f"{(out / 'bids').as_posix()}/"))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    root = tmp_path_factory.mktemp("naming")
    download = make_download(root / "download")
    legacy = convert(download, root / "legacy")
    old = download.clinical_dir.rename(root / "old_tables")
    rename(old, download.clinical_dir)
    return root, download, legacy, convert(download, root / "today")


def test_the_report_is_the_same(both):
    _, _, legacy, today = both
    assert today.equals(legacy)
    status = legacy.set_index("image_id")["status"].to_dict()
    assert status.pop("10") == "unselected"
    assert set(status.values()) == {"converted"}
    assert len(status) == len(SCANS)


def test_the_images_are_the_same_bytes(both):
    root, _, legacy, _ = both
    paths = [path for path in legacy["path"] if path]
    assert len(paths) == len(SCANS)
    for path in paths:
        assert (root / "today" / "bids" / path).read_bytes() == (root / "legacy" / "bids" / path).read_bytes()


def test_the_tables_were_those_of_today(both):
    notes = read_tables(both[1].clinical_dir).notes
    assert any("month/day/year" in note for note in notes)
    assert any("All_Images" in note and "SeriesID" in note for note in notes)
