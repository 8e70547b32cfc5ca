"""The real scan of the shared data: a DICOM folder through everything, as a user would give it."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import nibabel as nib
import pandas as pd
import pytest
from typer.testing import CliRunner

from ldae.cli.main import app
from ldae.files import read_json
from tests.unit.sources import ROOT

ARCHIVE = Path(os.environ.get("LDAE_REAL_SCAN", ROOT.parent / "shared" / "data" / "t1-dicom.tar.xz"))


@pytest.mark.slow
def test_a_real_dicom_folder_gives_a_page(models, tmp_path):
    if not ARCHIVE.is_file():
        pytest.skip(f"no real scan: {ARCHIVE} is absent; set LDAE_REAL_SCAN")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "person", filter="data")
    arguments = ["predict", tmp_path / "person", "--models", models, "--out", tmp_path / "out", "--workers", "1"]
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    row = pd.read_csv(tmp_path / "out" / "predictions.csv").iloc[0]
    assert row["status"] in ("pass", "warn") and 0 < row["p_AD"] < 1
    sidecar = read_json(row["path"].replace(".nii.gz", ".json"))
    assert sidecar["Sources"] == [row["input"]] and sidecar["BrainExtraction"]["name"] == "deepbet"
    images = list((tmp_path / "out").rglob("*.nii.gz"))
    assert images and not any(bytes(nib.load(path).header["descrip"]).strip(b"\0") for path in images)
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".partial")]
