"""Every image on disk ends in dataset.csv or in exclusions.csv, exactly once, from the check to the last table."""

from collections import Counter

import nibabel as nib
import pandas as pd
import pytest

from ldae.cohort.adni.names import label_of
from ldae.cohort.dataset import EXCLUSION_COLUMNS
from ldae.cohort.disk import list_files
from tests.adni_download import SLICES, Download, edit_series, image_row, visit_row, write_processed, write_series
from tests.unit.cohort.adni.conversions import run_to_dataset

A, B, C, ADNI4, E, F = "011_S_0021", "012_S_0345", "013_S_0007", "014_S_10008", "015_S_0009", "016_S_0010"
PROCESSED = {"Orig/Proc": "Processed", "Sequence": "MPR; GradWarp; B1 Correction; N3; Scaled"}
# What becomes of the images that convert, by image ID.
QUALITY = {"10": "pass", "12": "fail", "31": "error", "40": "pass", "60": "pass", "70": "warn"}
# Every other image: its stage, and words of its reason.
EXPECTED = {
    "13": ("conversion", "12"),
    "14": ("check", "EchoTime 98 ms"),
    "15": ("check", "a localiser"),
    "16": ("check", "4-D"),
    "17": ("check", "truncated"),
    "18": ("check", "slices missing"),
    "19": ("check", "not listed in MPRAGEMETA"),
    "20": ("check", "48 mm: a slab"),
    "21": ("check", "is empty"),
    "22": ("check", "2 series in one folder"),
    "23": ("check", "pixel spacings"),
    "24": ("check", "another subject"),
    "25": ("check", "not a DICOM file"),
    "26": ("check", "slices only"),
    "30": ("conversion", "quality control"),
    "41": ("check", "more than once"),
    "42": ("check", "another subject"),
    "50": ("check", "five-digit"),
    "71": ("check", "truncated"),
    "72": ("check", "4-D: 2 volumes"),
    "73": ("check", "end in .mnc"),
    "80": ("conversion", "image 10 of the same visit"),
    "81": ("check", "not listed in MPRAGEMETA"),
    "90": ("check", "no file on disk"),
    "": ("check", "image ID"),  # told by its place
    "12": ("quality control", "dice"),
    "31": ("preprocessing", "no brain"),
}


def plant(download):
    """A download with every kind of trouble."""
    images = download.dicom_dir

    def listed(ptid, image_id, slices=SLICES, **values):
        download.images.append(image_row(ptid, image_id, **values))
        return write_series(images, ptid, image_id, slices)

    download.add(A, 10)
    download.visits.append(visit_row(A, "m06", "2010-09-01"))
    month_6 = {"Visit": "ADNI1/GO Month 6", "ScanDate": "2010-09-03"}
    listed(A, 12, **month_6)
    listed(A, 13, Sequence="MP-RAGE REPEAT", **month_6)
    edit_series(listed(A, 14), EchoTime=98)
    edit_series(listed(A, 15), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    edit_series(listed(A, 16), NumberOfTemporalPositions=2)
    cut = listed(A, 17)[3]
    cut.write_bytes(cut.read_bytes()[:-50])
    listed(A, 18)[7].unlink()
    write_series(images, A, 19)
    listed(A, 20, slices=12)
    listed(A, 21)[0].write_bytes(b"")
    edit_series(listed(A, 22)[10:], SeriesInstanceUID="1.2.3")
    edit_series(listed(A, 23)[4:5], PixelSpacing=[5, 7])
    edit_series(listed(A, 24), PatientID=B)
    listed(A, 25)[5].write_text("<html>login</html>" * 100)
    listed(A, 26, slices=3)
    download.images.append(image_row(A, 90, Visit="ADNI1/GO Month 24"))
    unknown = write_series(images, A, 27)[0].parent.rename(images / A / "MP-RAGE" / "2010-03-02_10_00_00.0" / "unknown")
    for number, path in enumerate(sorted(unknown.iterdir())):
        path.rename(unknown / f"{number}.dcm")
    adni3 = {"Sequence": "Accelerated Sagittal MPRAGE", "MagStrength": "3"}
    listed(B, 30, **adni3)
    listed(B, 31, **adni3)
    download.visits.append(visit_row(B, COLPROT="ADNI3", ORIGPROT="ADNI3"))
    download.visits.append(visit_row(C))
    listed(C, 40, Visit="ADNI2 Year 3 Visit", ScanDate="2013-03-05")
    for ptid in (C, B):
        write_series(images, ptid, 41)
    download.images.append(image_row(C, 41))
    download.images.append(image_row(A, 42))
    write_series(images, C, 42)
    write_series(images, ADNI4, 50)
    download.add(E, 60)
    download.visits[-1] |= {"EXAMDATE": "soon", "VISCODE": "y1", "AGE": "old"}
    download.visits.append(visit_row(F))
    download.images += [image_row(F, image_id, **PROCESSED) for image_id in (70, 71, 72)]
    sound, cut, volumes, minc = (write_processed(images, F, number, PROCESSED["Sequence"]) for number in range(70, 74))
    cut.write_bytes(cut.read_bytes()[:-500])
    nib.save(nib.concat_images([sound, sound]), volumes)
    minc.rename(minc.with_suffix(".mnc"))
    listed(A, 80, ScanDate="03/02/2010")
    listed(A, 81, ImageUID="")
    download.write()
    (download.clinical_dir / "MAYOADIRL_MRI_IMAGEQC_05_07_15.csv").write_text(
        "RID,loni_image,series_type,series_selected,series_quality\n345,I30,T1,0,4\n345,I31,T1,1,1\n"
    )


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """The images on disk, and the tables at the end."""
    out = tmp_path_factory.mktemp("accounting")
    download = Download(out / "download")
    plant(download)
    tables = run_to_dataset(download, out, QUALITY)
    conversion = tables["conversion"].query("status == 'converted'")[["subject", "session", "image_id"]]
    used = tables["dataset"].merge(conversion, on=["subject", "session"], validate="1:1")
    folders = {path.parent.relative_to(download.dicom_dir) for path in download.dicom_dir.rglob("*") if path.is_file()}
    return {"disk": list_files(download.dicom_dir), "folders": folders, "used": used, "excluded": tables["exclusions"]}


def keys(table):
    """How often each (subject, image) stands in a table."""
    return Counter(zip(table["subject"], table["image_id"], strict=True))


def test_every_image_on_disk_is_used_or_explained_exactly_once(account):
    disk = account["disk"]
    names = disk["image_id"].mask(disk["image_id"].eq(""), disk["place"])
    on_disk = keys(pd.DataFrame({"subject": disk["ptid"].map(label_of), "image_id": names}))
    assert set(on_disk.values()) == {1}
    assert len(on_disk) == len(account["folders"]) >= 30
    absent = Counter({(label_of(A), "90"): 1})
    assert keys(account["used"]) + keys(account["excluded"]) == on_disk + absent


def test_the_sound_images_are_used_as_quality_control_judged(account):
    assert dict(zip(account["used"]["image_id"], account["used"]["qc"], strict=True)) == {
        name: QUALITY[name] for name in ("10", "40", "60", "70")
    }


def test_a_scan_without_visit_or_label_is_used_without_them(account):
    used = account["used"].set_index("image_id")
    assert used.loc["40", ["session", "diagnosis", "age", "sex", "months"]].tolist() == ["M036", "", "", "F", "36"]
    assert used.loc["60", ["session", "diagnosis", "age", "sex", "months"]].tolist() == ["M000", "", "", "F", "0"]


def test_every_exclusion_has_stage_reason_and_cure(account):
    excluded = account["excluded"]
    assert excluded.columns.tolist() == EXCLUSION_COLUMNS
    assert excluded[["subject", "image_id", "stage", "reason", "cure"]].ne("").all(axis=None)
    assert set(excluded["stage"]) == {"check", "conversion", "preprocessing", "quality control"}


@pytest.mark.parametrize("image_id", EXPECTED)
def test_each_kind_of_trouble_is_named(account, image_id):
    disk = account["disk"].set_index("image_id")["place"]
    told = image_id or disk[""]
    rows = account["excluded"][account["excluded"]["image_id"] == told]
    assert "unknown" not in told and len(rows) == 1 + (image_id == "41")
    stage, words = EXPECTED[image_id]
    assert rows["stage"].eq(stage).all()
    assert rows["reason"].str.contains(words, regex=False).all(), rows["reason"].tolist()
