import pandas as pd
import pytest

from ldae.cohort.adni_tables import read_tables
from ldae.cohort.clinica import find_program, link_images, rejected_by_mayo, write_clinical
from ldae.errors import UserError
from tests.adni_download import SLICES, Download, image_row

GOOD, CUT = "011_S_0021", "012_S_0345"


def test_a_missing_program_is_an_error_with_a_cure(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="no-such-program"):
        find_program("no-such-program")


def test_the_tables_of_clinica_are_cut_to_the_shown_images(tmp_path):
    download = Download(tmp_path)
    download.add(GOOD, 10)
    download.add(CUT, 20)
    download.images.append(image_row(GOOD, 11, MagStrength="1.494"))
    tables = read_tables(download.write().clinical_dir).of_subject(GOOD)
    write_clinical(tables, {"11"}, tmp_path / "cut")
    meta = pd.read_csv(tmp_path / "cut" / "MPRAGEMETA.csv")
    assert meta[["ImageUID", "MagStrength"]].to_numpy().tolist() == [[11, 1.5]]
    assert len(pd.read_csv(tmp_path / "cut" / "DXSUM_PDXCONV_ADNIALL.csv")) == 2
    assert set(pd.read_csv(tmp_path / "cut" / "ADNIMERGE.csv")["PTID"]) == {GOOD}


def test_only_unselected_rejections_count():
    rows = [("I1", "T1", "0", "4"), ("I2", "T1", "1", "4"), ("I3", "T1", "0", "3"), ("I4", "T2", "0", "4")]
    columns = ["loni_image", "series_type", "series_selected", "series_quality"]
    mayo = pd.DataFrame(rows, columns=columns)
    assert rejected_by_mayo({"MAYOADIRL_MRI_IMAGEQC_05_07_15": mayo}) == {"1"}


def test_links_carry_the_image_id_whatever_the_files_are_called(tmp_path):
    source = tmp_path / "images" / GOOD / "scan" / "I10"
    source.mkdir(parents=True)
    for number in range(SLICES):
        (source / f"{number}.DCM").write_bytes(b"x")
    image = {"ptid": GOOD, "image_id": "10", "format": "dcm", "folder": f"{GOOD}/scan/I10"}
    link_images([image], tmp_path / "images", tmp_path / "shown")
    links = list((tmp_path / "shown" / GOOD).rglob("*_I10.dcm"))
    assert len(links) == SLICES
    assert {link.resolve().parent for link in links} == {source.resolve()}
