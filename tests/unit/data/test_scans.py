import nibabel as nib
import numpy as np
import pytest
import torch

from ldae.data.batches import scan_batches
from ldae.data.labels import read_dataset
from ldae.data.volumes import read_volumes
from ldae.errors import UserError


def test_batches_keep_order_and_values(dataset):
    batches = list(scan_batches(dataset, 5, "test"))
    assert [len(rows) for rows, _ in batches] == [5, 5, 4]
    together = torch.cat([scans for _, scans in batches])
    assert together.shape == (14, 1, 12, 14, 12)
    one = nib.load(dataset["path"][7]).get_fdata(dtype=np.float32)
    np.testing.assert_array_equal(together[7, 0], one)


def test_a_missing_scan_is_named(dataset):
    with pytest.raises(UserError, match="nowhere.nii.gz"):
        read_volumes([dataset["path"][0], "nowhere.nii.gz"])


def test_scans_of_two_grids_are_refused(dataset, tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.float32), np.eye(4)), tmp_path / "small.nii")
    with pytest.raises(UserError, match="one shape"):
        read_volumes([dataset["path"][0], tmp_path / "small.nii"])


def test_an_unknown_diagnosis_is_empty(dataset, tmp_path):
    dataset.assign(diagnosis=["", *dataset["diagnosis"][1:]]).to_csv(tmp_path / "dataset.csv", index=False)
    assert read_dataset(tmp_path / "dataset.csv")["diagnosis"].tolist()[:2] == ["", "CN"]


def test_an_empty_dataset_is_refused(dataset, tmp_path):
    dataset.head(0).to_csv(tmp_path / "dataset.csv", index=False)
    with pytest.raises(UserError, match="no row"):
        read_dataset(tmp_path / "dataset.csv")
