import numpy as np
import pandas as pd
import pytest

from ldae.errors import UserError
from ldae.evaluation.features.embeddings import extract_embeddings
from ldae.evaluation.measure.reconstruction import (
    ENCODED,
    OTHER,
    SEMANTIC,
    Plan,
    reconstruct,
    semantic_codes,
)

PLAN = Plan(steps=[10, 20], compared_steps=20, solver="2m", seed=0)


def run(ldae, dataset, plan=PLAN, batch_size=3, lpips=None):
    embeddings = extract_embeddings(ldae.encode_semantic, dataset, 4, "ldae")
    options = {"batch_size": batch_size, "examples": 3, "lpips": lpips, "note": "" if lpips else "no weights"}
    return reconstruct(ldae, dataset, embeddings, plan, **options)


def test_a_perfect_model_rebuilds_perfectly_and_encodes_each_scan_once(fake_ldae, dataset):
    scans, _ = run(fake_ldae, dataset)
    assert fake_ldae.image_encodings == 7  # test scans only
    assert scans.groupby(["start", "steps"], dropna=False).size().to_dict() == pytest.approx(
        {("", pd.NA): 7, (ENCODED, 10): 7, (ENCODED, 20): 7, (SEMANTIC, 10): 7, (SEMANTIC, 20): 7, (OTHER, 20): 7}
    )
    exact = scans[scans["start"].isin(["", ENCODED])]
    np.testing.assert_allclose(exact["mse"], 0, atol=1e-12)
    np.testing.assert_allclose(exact["ssim"], 1, atol=1e-4)
    assert (scans.loc[scans["start"] == SEMANTIC, "mse"] > 0.5).all()  # unit noise instead of the scan's own rest
    assert scans["z_T_std"].notna().eq(scans["start"] == ENCODED).all()


def test_the_batch_size_changes_nothing_but_the_seed_does(fake_ldae, dataset):
    first, second = run(fake_ldae, dataset, batch_size=2)[0], run(fake_ldae, dataset, batch_size=7)[0]
    pd.testing.assert_frame_equal(first, second)
    reseeded = run(fake_ldae, dataset, Plan([10, 20], 20, "2m", seed=1))[0]
    changed = first["mse"] != reseeded["mse"]
    assert changed[first["start"] == SEMANTIC].all()
    assert not changed[first["start"] == ENCODED].any()


def test_own_and_other_code_share_the_noise(fake_ldae, dataset):
    """noise + mean: the other's mean shifts every voxel, so MSE changes by a known amount."""
    scans, _ = run(fake_ldae, dataset)
    at_20 = scans[scans["steps"] == 20].set_index(["subject", "session", "start"])["mse"].unstack()
    assert (at_20[SEMANTIC] != at_20[OTHER]).all()
    assert at_20[SEMANTIC].corr(at_20[OTHER]) < 1
    assert abs(at_20[OTHER] - at_20[SEMANTIC]).max() < 0.5


def test_the_other_code_is_another_subjects(fake_ldae, dataset):
    test = dataset[dataset["split"] == "test"].reset_index(drop=True)
    embeddings = extract_embeddings(fake_ldae.encode_semantic, dataset, 4, "ldae")
    own, other = semantic_codes(test, embeddings)
    for row, code in zip(test.itertuples(), other, strict=True):
        sources = test["subject"][[i for i in range(len(test)) if (own[i] == code).all()]]
        assert len(sources) == 1
        assert row.subject not in set(sources)
    alone = test[test["subject"] == "ADNItest0"]
    assert semantic_codes(alone.reset_index(drop=True), embeddings)[1] is None


def test_embeddings_of_other_scans_are_refused(fake_ldae, dataset):
    embeddings = extract_embeddings(fake_ldae.encode_semantic, dataset, 4, "ldae")
    renamed = dataset.assign(subject=dataset["subject"] + "x")
    with pytest.raises(UserError, match="ADNItest0x"):
        reconstruct(fake_ldae, renamed, embeddings, PLAN, batch_size=4, examples=1, lpips=None, note="")


def test_without_test_scans_it_says_so(fake_ldae, dataset):
    with pytest.raises(UserError, match="test scans"):
        run(fake_ldae, dataset[dataset["split"] == "train"])


def test_the_examples_are_of_different_subjects_and_diagnoses(fake_ldae, dataset):
    _, examples = run(fake_ldae, dataset)
    assert sorted(examples["diagnosis"]) == ["AD", "CN", "MCI"]
    assert len(set(examples["subject"])) == 3
    assert examples["scan"].shape == (3, 12, 14, 12)
    np.testing.assert_allclose(examples["ldae"], examples["scan"], atol=1e-6)
    np.testing.assert_allclose(examples["autoencoder"], examples["scan"], atol=1e-6)
    assert abs(examples["y_sem_only"] - examples["scan"]).max() > 1
