"""A scan nobody here made, added to the tiny phantom download, goes from DICOM to its reconstruction."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from ldae.config.cohort import SplitConfig
from ldae.data.split import split_subjects
from tests.real_scan import lay_out_real_scan
from tests.workflow.conftest import ROOT, Workflow

ARCHIVE = ROOT.parent / "shared" / "data" / "t1-dicom.tar.xz"
SUBJECT = "ADNI999S6999"


def seed_that_tests(table: pd.DataFrame, subject: str) -> int:
    """A seed under which `subject` is a test subject."""
    split = SplitConfig(validation_fraction=0.25, test_fraction=0.25, file=None)
    baseline = table.drop_duplicates("subject")[["subject", "diagnosis"]]
    return next(seed for seed in range(100) if split_subjects(baseline, split, seed)[subject] == "test")


@pytest.mark.slow
@pytest.mark.skipif(not ARCHIVE.is_file(), reason=f"the real scan is not at {ARCHIVE}")
def test_it_converts_passes_quality_control_and_is_rebuilt(tiny, tmp_path):
    download, directory = tmp_path / "download", tmp_path / "run"
    shutil.copytree(tiny.directory / "results" / "phantom", download)
    images, tables = lay_out_real_scan(ARCHIVE, download)
    directory.mkdir()
    paths = f"cohort: {{source: adni, dicom_dir: {images}, clinical_dir: {tables}}}\n"
    workflow = Workflow(tiny.checkout, directory, tiny.overlays).with_overlay(tmp_path / "paths.yaml", paths)
    workflow.run("--cores", "2", "results/dataset.csv")
    dataset = pd.read_csv(directory / "results" / "dataset.csv")
    real = dataset[dataset["subject"] == SUBJECT]
    assert real["qc"].tolist() == ["pass"]
    seed = seed_that_tests(dataset, SUBJECT)
    workflow = workflow.with_overlay(tmp_path / "seed.yaml", f"seed: {seed}\n")
    workflow.run("--cores", "2")
    embedded = np.load(directory / "results" / "embeddings" / "ldae.npz", allow_pickle=False)
    assert SUBJECT in embedded["subject"]
    rebuilt = pd.read_csv(directory / "results" / "evaluation" / "reconstruction_scans.csv")
    rebuilt = rebuilt[rebuilt["subject"] == SUBJECT]
    assert set(rebuilt["model"]) == {"LDAE", "AutoencoderKL"} and rebuilt["ssim"].between(0, 1).all()
