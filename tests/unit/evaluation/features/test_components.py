import tracemalloc

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from ldae.data.volumes import read_volumes
from ldae.evaluation.features import components
from ldae.evaluation.features.components import voxel_components
from tests.unit.evaluation.conftest import rehash, write_scan


def full_pca(scans):
    """What scikit-learn makes of all the voxels of the first training scans at once, in float64."""
    train = scans[scans["split"] == "train"].drop_duplicates("subject")
    fitted, voxels = (read_volumes(list(table["path"])).flatten(1).double().numpy() for table in (train, scans))
    brain = fitted.any(0)
    return PCA(len(train) - 1, svd_solver="full").fit(fitted[:, brain]).transform(voxels[:, brain])


@pytest.mark.parametrize("scans_per_block", [1, 2, 4, 100])
def test_they_are_those_of_the_whole_matrix_whatever_is_held_in_memory(scans, scans_per_block, monkeypatch):
    """Up to the sign of each; six training subjects, so that a block of four leaves a rest."""
    voxels = int((read_volumes(list(scans["path"])) > 0).any(0).sum())
    monkeypatch.setattr(components, "BLOCK_BYTES", scans_per_block * 8 * voxels)
    found, wanted = voxel_components(scans, 4).features, full_pca(scans)
    signs = np.sign((found * wanted).sum(0))
    np.testing.assert_allclose(found * signs, wanted, rtol=1e-5, atol=1e-6)


def test_no_more_scans_are_in_memory_than_the_block_and_a_batch(tmp_path, monkeypatch):
    """Forty scans of 0.5 MB, and blocks of five: the peak stays below a third of all of them."""
    rng, shape = np.random.default_rng(1), (40, 40, 40)
    rows = [
        (f"S{n:02d}", "M000", write_scan(tmp_path / f"{n}.nii", rng.random(shape)), "train" if n < 30 else "test")
        for n in range(40)
    ]
    scans = rehash(pd.DataFrame(rows, columns=["subject", "session", "path", "split"]))
    one = 8 * int(np.prod(shape))
    monkeypatch.setattr(components, "BLOCK_BYTES", 5 * one)
    voxel_components(scans, 2)  # what is imported and cached at first use
    tracemalloc.start()
    try:
        voxel_components(scans, 2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 5 * one < peak < 40 * one / 2.5


def test_they_may_be_taken_one_after_the_other(scans):
    found = voxel_components(scans, 4)
    assert found.nested
    train = scans[scans["split"] == "train"].drop_duplicates("subject").index
    assert (np.diff(found.features[train].var(0)) < 0).all()


def test_components_are_those_of_one_scan_per_training_subject(scans):
    """Voxels count where any of these scans holds tissue, one with a hole as well as the others."""
    train = scans[scans["split"] == "train"].drop_duplicates("subject")
    volume = nib.load(train["path"].iloc[1]).get_fdata()
    volume[4:8, 3:9] = 0
    write_scan(train["path"].iloc[1], volume)
    found = voxel_components(rehash(scans), 4)
    assert found.features.shape == (len(scans), len(train) - 1)
    assert found.fitted_to == tuple(train["subject"])
    voxels = read_volumes(list(train["path"])).flatten(1).double().numpy()
    singular = np.linalg.svd(voxels - voxels.mean(0), compute_uv=False)
    of_train = found.features[train.index]
    np.testing.assert_allclose(np.linalg.norm(of_train, axis=0), singular[: len(train) - 1], rtol=1e-3)
    np.testing.assert_allclose(of_train.mean(0), 0, atol=1e-3)


@pytest.mark.parametrize("split", ["test", "validation"])
def test_the_components_are_fitted_to_training_scans_alone(scans, split, tmp_path):
    """Scans of another split, made very different, move neither the components nor the centre."""
    before = voxel_components(scans, 4)
    chosen = (scans["split"] == split).to_numpy()
    strange = scans.copy()
    for row in np.flatnonzero(chosen):
        volume = nib.load(scans["path"][row]).get_fdata()
        strange.loc[row, "path"] = write_scan(tmp_path / f"strange{row}.nii.gz", 5 * np.roll(volume, 5, 1) + row)
    after = voxel_components(rehash(strange), 4)
    np.testing.assert_array_equal(before.features[~chosen], after.features[~chosen])
    assert not np.allclose(before.features[chosen], after.features[chosen])


def test_voxels_that_are_background_in_every_training_scan_have_no_say(scans, tmp_path):
    before, moved = voxel_components(scans, 4), scans.copy()
    row = int(np.flatnonzero(scans["split"] == "test")[1])
    volume = nib.load(scans["path"][row]).get_fdata()
    volume[:2] = 0.9
    moved.loc[row, "path"] = write_scan(tmp_path / "moved.nii.gz", volume)
    np.testing.assert_allclose(before.features, voxel_components(rehash(moved), 4).features, atol=1e-5)


def test_one_training_subject_has_no_component(scans, caplog):
    one = scans[(scans["split"] != "train") | (scans["subject"] == "ADNI0train")].reset_index(drop=True)
    assert len(one[one["split"] == "train"]) == 2
    alone = voxel_components(one, 4)
    assert alone.features.tolist() == [[0.0]] * len(one) and not alone.fitted_to
    assert "one training subject has no principal component" in caplog.text
    two = scans[(scans["split"] != "train") | scans["subject"].isin(["ADNI0train", "ADNI1train"])]
    assert voxel_components(two.reset_index(drop=True), 4).features.shape[1] == 1
