import os

import pandas as pd
import pytest

from ldae.cohort.adni.names import TABLE_COLUMNS
from ldae.cohort.adni.selection import selection_tables
from ldae.cohort.adni.tables import read_tables
from ldae.cohort.clinica import ConversionFailed, link_images, run_clinica, write_clinical
from ldae.cohort.installed import find_program
from ldae.errors import PassingTrouble, UserError
from tests.adni_download import SLICES, Download

GOOD, CUT = "011_S_0021", "012_S_0345"


def test_a_missing_program_is_an_error_with_a_cure(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="no-such-program"):
        find_program("no-such-program")


def test_clinica_is_told_what_chooses_images_and_nothing_else(tmp_path):
    download = Download(tmp_path)
    download.add(GOOD, 10)
    download.add(CUT, 20)
    facts = selection_tables(read_tables(download.write().clinical_dir).of_subject(GOOD))
    shown = {"image_id": "11", "ptid": GOOD, "series_id": "", "visit": "ADNI Screening", "source": "processed"}
    shown |= {"sequence": "MPR; ; N3; Scaled", "scan_date": "2010-03-02", "field_strength_t": 3.0}
    write_clinical(facts, [shown], tmp_path / "cut")
    written = {path.stem: pd.read_csv(path) for path in (tmp_path / "cut").iterdir()}
    assert set(written) == set(TABLE_COLUMNS)
    meta = written["MPRAGEMETA"].iloc[0]
    assert (meta["ImageUID"], meta["MagStrength"], meta["Orig/Proc"], meta["SeriesID"]) == (11, 3.0, "Processed", 0)
    merge = written["ADNIMERGE"]
    assert set(merge["PTID"]) == {GOOD}
    assert set(merge.dropna(axis=1)) == {"RID", "PTID", "VISCODE", "EXAMDATE", "EXAMDATE_bl", "ORIGPROT", "COLPROT"}


def test_links_carry_the_image_id_whatever_the_files_are_called(tmp_path):
    source = tmp_path / "images" / GOOD / "scan" / "I10"
    source.mkdir(parents=True)
    for number in range(SLICES):
        (source / f"{number}.DCM").write_bytes(b"x")
    image = {"ptid": GOOD, "image_id": "10", "format": "dcm", "files_hash": ""}
    link_images([image], tmp_path / "images", tmp_path / "shown")
    links = list((tmp_path / "shown" / GOOD).rglob("*_I10.dcm"))
    assert len(links) == SLICES
    assert {link.resolve().parent for link in links} == {source.resolve()}


@pytest.mark.parametrize(
    "ends, kind, said",
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", PassingTrouble, "SIGKILL"),
        ("time.sleep(60)", PassingTrouble, "longer than 2 s"),
        ("raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))", PassingTrouble, "No space left"),
        ("raise MemoryError", PassingTrouble, "MemoryError"),
        ("raise ValueError('Roe^Jane')", ConversionFailed, "ended with code 1: ValueError$"),
        ("sys.exit('Roe^Jane has no scan')", ConversionFailed, "ended with code 1: no known exception$"),
    ],
)
def test_what_ends_clinica_is_told_from_what_is_wrong_with_the_data(tmp_path, monkeypatch, ends, kind, said):
    (tmp_path / "stub.py").write_text(f"import errno, os, signal, sys, time\n{ends}\n")
    monkeypatch.setattr("ldae.cohort.clinica.CONVERTER", "stub")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(kind, match=said):
        run_clinica(tmp_path / "images", tmp_path / "clinical", tmp_path / "bids", timeout_s=2)
