"""Of each kind of source nothing planted gets into a table, a log or a temporary file, nor from a killed job."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ldae.cohort import converters
from ldae.cohort.adni.preflight import write_check, write_inventory
from ldae.cohort.bids.index import write_index
from ldae.cohort.bids.labels import write_labels
from ldae.cohort.converters import convert_download
from ldae.config.cohort import CONVERTERS
from ldae.errors import UserError
from ldae.files import read_table
from tests.adni_download import Download, edit_series
from tests.bids_dataset import COLUMNS, DIAGNOSES, describe, write_image, write_tsv
from tests.in_process import finish_items
from tests.planted_download import (
    FREE_TEXT,
    NAMED,
    PRIVATE,
    WRITTEN,
    name_folders,
    plant,
    plant_nifti,
    write_into_tables,
)
from tests.planted_search import leaks_below, secrets_in

ROOT = Path(__file__).resolve().parents[3]
SUBJECTS = ("011_S_0021", "012_S_0345", "013_S_0017")
CONVERT = """
import sys
from pathlib import Path
from ldae.cohort.adni.conversion import convert_shard
root, out = map(Path, sys.argv[1:])
if __name__ == "__main__":
    places = root / "images", root / "clinical", out / "bids", out / "state"
    convert_shard(out / "0.csv", out / "images.csv", *places, timeout_s=120, code="1", workers=1)
"""
CLINICA = """#!/bin/sh
echo "{text}"
cp -r "{made}" "$4"
cp -r "{made}" "$TMPDIR/{name}"
"""


@pytest.fixture(autouse=True)
def tmpdir(tmp_path, monkeypatch):
    """A TMPDIR to look through."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path / "tmp"


@pytest.fixture
def download(tmp_path):
    """An ADNI download in which everything that may hold a text holds a planted one."""
    made = Download(tmp_path / "download")
    for number, ptid in enumerate(SUBJECTS):
        made.add(ptid, 10 + number)
    made.write()
    plant(made.dicom_dir)
    first, *_ = sorted((made.dicom_dir / SUBJECTS[0]).rglob("*.dcm"))
    edit_series([first], SpecificCharacterSet=PRIVATE["PatientName"])
    name_folders(made.dicom_dir)
    write_into_tables(made.clinical_dir)
    return made


def list_download(download, out):
    places = {name: out / f"{name}.csv" for name in ("findings", "state")}
    folders = download.dicom_dir, download.clinical_dir
    write_inventory(*folders, inventory=out / "inventory.csv", shard_tables=[out / "0.csv"], workers=1, **places)
    write_check(*folders, quarantine=out / "quarantine.csv", workers=1, **places)


def test_the_check_of_an_adni_download(download, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("ldae.cohort.adni.headers.finish_items", finish_items)
    with caplog.at_level(logging.INFO):
        list_download(download, tmp_path / "out")
    assert len(read_table(tmp_path / "out" / "inventory.csv")) == 2
    told = read_table(tmp_path / "out" / "findings.csv")["found"].str.cat(sep=" ")
    for said in ("other entries", "on disk more than once", "image ID", "found a date or number", "found text"):
        assert said in told
    assert not leaks_below(tmp_path / "out", tmp_path / "tmp") and not secrets_in(caplog.text.encode())


def test_a_killed_conversion_leaves_nothing_in_the_results_and_the_next_run_clears_the_rest(
    download, tmp_path, tmpdir, monkeypatch
):
    out = tmp_path / "out"
    monkeypatch.setattr("ldae.cohort.adni.headers.finish_items", finish_items)
    list_download(download, out)
    (tmp_path / "convert.py").write_text(CONVERT)
    command = [sys.executable, tmp_path / "convert.py", download.root, out]
    log = (tmp_path / "printed").open("w")
    options = {"stdout": log, "stderr": log, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "start_new_session": True}
    process = subprocess.Popen(command, **options)
    wait_for(lambda: [*tmpdir.rglob("*_T1w.nii.gz"), *tmpdir.rglob("ADNIMERGE.csv")], process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert leaks_below(tmpdir), "it was killed while it had raw copies"
    assert not leaks_below(out)
    assert subprocess.run(command, **options).returncode == 0
    assert read_table(out / "images.csv")["status"].eq("converted").all()
    assert not leaks_below(out, tmpdir) and not secrets_in((tmp_path / "printed").read_bytes())


def wait_for(seen, process):
    for _ in range(1200):
        if seen():
            return
        assert process.poll() is None, "it ended too soon"
        time.sleep(0.05)
    raise TimeoutError


def write_planted_bids(root):
    """Two scans by name and one against BIDS, text in headers, JSON files, tables and names."""
    describe(root)
    for name in ("sub-01_ses-M000", "sub-02_ses-M000_run-1", "sub-02_ses-M000_run-2"):
        plant_nifti(write_image(root, f"{name}_T1w"))
    anat = root / "sub-02" / "ses-M000" / "anat"
    write_image(root, "sub-03_ses-M000_T1w").rename(anat / f"sub-02_{NAMED}_T1w.nii.gz")
    named = root / f"sub-{NAMED}" / "anat"
    named.mkdir(parents=True)
    (named / f"{NAMED}_T1w.nii.gz").write_bytes(b"")
    write_tsv(
        root / "participants.tsv",
        "participant_id age sex diagnosis comment",
        f"sub-01 {WRITTEN[2]} {WRITTEN[3]} {WRITTEN[0]} {NAMED}",
        f"sub-02 70 F CN {NAMED}",
        f"{NAMED} 71 M CN {NAMED}",
    )
    return root


def test_a_bids_dataset(tmp_path, tmpdir, caplog):
    root, out = write_planted_bids(tmp_path / "bids"), tmp_path / "out"
    with caplog.at_level(logging.INFO):
        write_index(root, "bids", [], shard_tables=[str(out / "0.csv")], findings=out / "findings.csv")
        tables = {name: out / f"{name}.csv" for name in ("conversion", "quarantine", "findings")}
        write_labels([str(out / "0.csv")], root, COLUMNS, DIAGNOSES, prefer=[], set_aside=[], **tables)
    conversion = read_table(out / "conversion.csv", dtype=str)
    assert conversion["status"].value_counts().to_dict() == {"converted": 2, "unselected": 1, "broken": 2}
    assert "a date or number" in (out / "findings.csv").read_text()
    assert not leaks_below(out, tmpdir) and not secrets_in(caplog.text.encode())


@pytest.mark.parametrize("source", CONVERTERS)
@pytest.mark.parametrize("ends", ["well", "badly"])
def test_clinicas_other_converters(tmp_path, tmpdir, monkeypatch, caplog, source, ends):
    images, made, out = (tmp_path / name for name in ("images", "made", "out"))
    (images / NAMED).mkdir(parents=True)
    write_planted_bids(made)
    anat = made / "sub-01" / "ses-M000" / "anat"
    (anat / "sub-01_ses-M000_FLAIR.nii.gz").write_text(FREE_TEXT)
    (made / "README").write_text(FREE_TEXT)
    (made / "conversion_info").mkdir()
    write_tsv(made / "conversion_info" / "t1_paths.tsv", "path", NAMED)
    write_tsv(made / "sub-01" / "sub-01_sessions.tsv", "session_id age examination_date", f"ses-M000 70 {WRITTEN[1]}")
    write_tsv(made / "sub-01" / "ses-M000" / "sub-01_ses-M000_scans.tsv", "filename acq_time", f"anat/x {WRITTEN[1]}")
    program = tmp_path / "play_clinica"
    program.write_text(CLINICA.format(text=FREE_TEXT, made=made, name=NAMED) + "exit 1\n" * (ends == "badly"))
    program.chmod(0o755)
    monkeypatch.setattr(converters, "find_program", lambda name: program)
    options = {"arguments": ["{dataset}", "{bids}", "{clinical}"], "timeout_s": 60, "lost": out / "lost.csv"}
    with caplog.at_level(logging.INFO), pytest.raises(UserError) if ends == "badly" else nullcontext() as raised:
        convert_download(source, images, images, out / "bids", log=out / "clinica.log", **options)
    assert not raised or not secrets_in(str(raised.value).encode())
    bids = out / "bids"
    assert bids.exists() == (ends == "well")
    assert not leaks_below(out, tmpdir) and not secrets_in(caplog.text.encode())
    if ends == "well":
        kept = sorted(path.name for path in bids.rglob("*") if path.is_file())
        assert "sub-01_ses-M000_T1w.nii.gz" in kept and "sub-01_ses-M000_T1w.json" in kept
        sidecar = json.loads((bids / "sub-01/ses-M000/anat/sub-01_ses-M000_T1w.json").read_text())
        assert sidecar == {"EchoTime": 0.003, "ContrastBolusAgent": True}
        name = "sub-01/ses-M000/anat/sub-01_ses-M000_T1w.nii.gz"
        assert np.array_equal(*(nib.load(folder / name).get_fdata() for folder in (bids, made)))
        sessions = pd.read_csv(bids / "sub-01" / "sub-01_sessions.tsv", sep="\t")
        assert sessions.to_dict("records") == [{"session_id": "ses-M000", "age": 70}]
