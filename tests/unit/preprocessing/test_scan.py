import os
import subprocess
import tarfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ldae.files import hash_file, read_json
from ldae.preprocessing.grid import Grid, mni_template
from ldae.preprocessing.scan import ScanFiles, preprocess_scan
from ldae.preprocessing.verdict import judge
from tests.unit.preprocessing.conftest import LESION_MM, ROOT, make_head

REAL_SCAN = Path(os.environ.get("LDAE_REAL_SCAN", ROOT.parent / "shared" / "data" / "t1-dicom.tar.xz"))


@pytest.fixture(scope="module")
def done(head, config, tmp_path_factory):
    files = ScanFiles.of(tmp_path_factory.mktemp("preproc"), "ADNI011S0001", "M000")
    return preprocess_scan(head, files, config, key="k"), files


def test_names_are_bids(done):
    _, files = done
    assert files.image.as_posix().endswith(
        "sub-ADNI011S0001/ses-M000/anat/sub-ADNI011S0001_ses-M000_space-MNI152_desc-preproc_T1w.nii.gz"
    )
    assert files.montage.is_file() and files.sidecar.is_file()


def test_a_head_becomes_a_brain_on_the_model_grid(done, config):
    _, files = done
    image = nib.load(files.image)
    grid = Grid(config.grid_shape, config.grid_spacing_mm, config.grid_center_mm)
    np.testing.assert_allclose(image.affine, grid.affine)
    assert image.get_data_dtype() == np.float32 and image.shape == config.grid_shape
    data, mask = image.get_fdata(), nib.load(files.mask).get_fdata() > 0
    assert data.min() == 0 and data.max() == 1
    assert (data[~mask] == 0).all()  # face, scalp and skull are gone
    brain = mni_template(grid).brain
    assert 2 * (mask & brain).sum() / (mask.sum() + brain.sum()) > 0.93
    assert np.corrcoef(data[mask & brain], mni_template(grid).t1[mask & brain])[0, 1] > 0.8


def test_the_record_is_complete(done, head, qc):
    record, files = done
    assert read_json(files.sidecar) == record
    assert record["ImageSHA256"] == hash_file(files.image) and record["SourceSHA256"] == hash_file(head)
    assert record["Parameters"]["transform"] == "affine" and record["Key"] == "k"
    assert judge(record["QC"], qc)[0] == "pass"


def test_right_stays_right(done):
    """The scan is stored from left to right reversed; its lesion is still on the right of the result."""
    image = nib.load(done[1].image)
    points = nib.affines.apply_affine(image.affine, np.moveaxis(np.indices(image.shape), 0, -1))
    right, left = (
        image.get_fdata()[np.linalg.norm(points - np.array(LESION_MM) * [side, 1, 1], axis=-1) < 8].mean()
        for side in (1, -1)
    )
    assert right < 0.7 * left


def turned(data, axis):
    return np.ascontiguousarray(np.flip(data, axis))


DAMAGED = {
    "flipped front-back": lambda data: turned(data, 1),
    "flipped up-down": lambda data: turned(data, 2),
    "top missing": lambda data: np.where(np.arange(data.shape[2]) > 0.6 * data.shape[2], 0, data),
    "noise": lambda data: np.random.default_rng(0).uniform(0, 1000, data.shape),
    "inverted": lambda data: np.where(data > 80, data.max() - data, data),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_damaged_copies_fail(damage, config, qc, tmp_path):
    image = make_head(2.9)
    data = damage(np.asarray(image.dataobj).astype(np.float32)).astype(np.float32)
    nib.Nifti1Image(data, image.affine).to_filename(tmp_path / "bad.nii.gz")
    record = preprocess_scan(tmp_path / "bad.nii.gz", ScanFiles.of(tmp_path, "X", "M000"), config)
    assert judge(record["QC"], qc)[0] == "fail"


@pytest.mark.slow
@pytest.mark.parametrize(("ventricle_mm", "grey_loss"), [(-3, 0.0), (10, 0.6)])
def test_no_atrophy_and_much_atrophy_pass(ventricle_mm, grey_loss, config, qc, tmp_path):
    make_head(2.9, ventricle_mm, grey_loss, seed=3).to_filename(tmp_path / "head.nii.gz")
    record = preprocess_scan(tmp_path / "head.nii.gz", ScanFiles.of(tmp_path, "X", "M000"), config)
    assert judge(record["QC"], qc)[0] == "pass", record["QC"]


@pytest.mark.slow
def test_the_same_scan_twice_gives_the_same_bytes(head, config, done, tmp_path):
    again = preprocess_scan(head, ScanFiles.of(tmp_path, "ADNI011S0001", "M000"), config, key="k")
    assert again["ImageSHA256"] == done[0]["ImageSHA256"]


@pytest.mark.slow
def test_a_real_scan_passes(config, qc, tmp_path):
    if not REAL_SCAN.is_file():
        pytest.skip(f"no real scan: {REAL_SCAN} is absent; set LDAE_REAL_SCAN")
    with tarfile.open(REAL_SCAN) as archive:
        archive.extractall(tmp_path, filter="data")
    subprocess.run(["dcm2niix", "-z", "y", "-f", "real", "-o", tmp_path, tmp_path], check=True)
    record = preprocess_scan(tmp_path / "real.nii.gz", ScanFiles.of(tmp_path, "X", "M000"), config)
    assert judge(record["QC"], qc) == ("pass", ""), record["QC"]
