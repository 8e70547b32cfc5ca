import nibabel as nib
import numpy as np
import pytest

from ldae.files import hash_file, read_json
from ldae.preprocessing.grid import Grid, mni_template
from ldae.preprocessing.scan import ScanFiles, preprocess_scan
from ldae.preprocessing.verdict import judge
from tests.unit.preprocessing.conftest import LESION_MM


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
    assert record["Transform"] == record["Parameters"]["transform"] == "affine" and record["Key"] == "k"
    assert record["BrainExtraction"]["name"] == "deepbet" and len(record["BrainExtraction"]["model_sha256"]) == 64
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


@pytest.mark.slow
def test_the_same_scan_twice_gives_the_same_bytes(head, config, done, tmp_path):
    again = preprocess_scan(head, ScanFiles.of(tmp_path, "ADNI011S0001", "M000"), config, key="k")
    assert again["ImageSHA256"] == done[0]["ImageSHA256"]
