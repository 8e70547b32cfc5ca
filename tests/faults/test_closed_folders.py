"""Folders and files that may not be read, and links that lead in circles: named, and of no harm to other subjects."""

from __future__ import annotations

import json

import pytest

from ldae.cohort.adni.headers import check_image
from ldae.cohort.disk import list_files
from ldae.files import read_table
from tests.adni_download import Download
from tests.bids_dataset import describe, write_image
from tests.ordinary_user import run_as_ordinary_user

INDEX = """
import sys
from ldae.cohort.bids.index import write_index
from ldae.cohort.bids.layout import fingerprint, fingerprint_images
root, shard, findings = sys.argv[1:]
write_index(root, "bids", [], shard_tables=[shard], findings=findings)
print(fingerprint(root), fingerprint_images(root))
"""


@pytest.mark.parametrize("closed", ["", "ses-M000/anat", "ses-M000/anat/sub-02_ses-M000_T1w.nii.gz"])
def test_what_is_closed_in_a_bids_dataset_has_its_reason_and_is_noticed_when_it_opens(tmp_path, closed):
    root = describe(tmp_path / "bids")
    for subject in ("01", "02", "03"):
        write_image(root, f"sub-{subject}_ses-M000_T1w")
    write_image(root, "sub-01_ses-M000_acq-b_T1w").with_name("sub-01_ses-M000_acq-b_T1w.json").touch(mode=0)
    place = root / "sub-02" / closed
    before = place.stat().st_mode
    place.chmod(0)
    try:
        hashes = run_as_ordinary_user(INDEX, root, tmp_path / "0.csv", tmp_path / "findings.csv")
    finally:
        place.chmod(before)
    rows = read_table(tmp_path / "0.csv", dtype=str, keep_default_na=False).groupby("subject")
    assert {subject: set(of["status"]) for subject, of in rows} == {
        "01": {"converted", "unselected"},
        "02": {"broken"},
        "03": {"converted"},
    }
    assert "may not be read" in rows.get_group("02")["reason"].iloc[0]
    assert "chmod" in rows.get_group("02")["cure"].iloc[0]
    if not closed.endswith(".gz"):
        assert hashes != run_as_ordinary_user(INDEX, root, tmp_path / "0.csv", tmp_path / "findings.csv")


LOOK = """
import json, sys
from ldae.cohort.adni.headers import check_image
from ldae.cohort.disk import check_level, fingerprint, list_files, list_others
check_level(sys.argv[1]), fingerprint(sys.argv[1]), list_others(sys.argv[1])
files = list_files(sys.argv[1]).to_dict("records")
print(json.dumps([image | check_image(image, sys.argv[1]) for image in files]))
"""
GOOD, BAD = "011_S_0021", "012_S_0345"


@pytest.mark.parametrize("depth", [0, 3, 4])
def test_what_is_closed_in_a_download_has_its_reason(tmp_path, depth):
    download = Download(tmp_path)
    download.add(GOOD, 10)
    file = download.add(BAD, 20)[0]
    place = download.dicom_dir.joinpath(*file.relative_to(download.dicom_dir).parts[: depth + 1])
    before = place.stat().st_mode
    place.chmod(0)
    try:
        images = json.loads(run_as_ordinary_user(LOOK, download.dicom_dir))
    finally:
        place.chmod(before)
    verdicts = {image["ptid"]: (image["verdict"], image["fault"], image["fault_cure"]) for image in images}
    assert verdicts[GOOD] == ("sound", "", "")
    verdict, fault, cure = verdicts[BAD]
    assert verdict == "broken" and ("cannot be read" in fault or "may not be read" in fault) and "chmod" in cure


def test_links_in_circles_have_an_end(tmp_path):
    download = Download(tmp_path)
    folders = [download.add(ptid, number)[0].parent for number, ptid in ((10, GOOD), (20, BAD))]
    for folder, other in (folders, folders[::-1]):
        (folder.parent / "itself").symlink_to("itself")
        (folder.parent / "other").symlink_to(other.parent)
        (folder.parent / "parent").symlink_to(download.dicom_dir / GOOD)
    (download.dicom_dir / "013_S_0001").symlink_to("013_S_0001")
    files = list_files(download.dicom_dir)
    own = files[
        [folder.endswith(f"I{image}") for folder, image in zip(files["folder"], files["image_id"], strict=True)]
    ]
    assert {"10", "20"} <= set(own["image_id"])
    verdicts = [check_image(image, download.dicom_dir) for image in files.to_dict("records")]
    sound = {image for image, verdict in zip(files["image_id"], verdicts, strict=True) if verdict["verdict"] == "sound"}
    assert sound >= {"10", "20"}
    lost = files[files["ptid"] == "013_S_0001"]
    assert lost["format"].tolist() == ["closed"]
