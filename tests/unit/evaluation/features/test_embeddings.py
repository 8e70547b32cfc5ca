from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.errors import UserError
from ldae.evaluation.features.embeddings import (
    EMBEDDING_COLUMNS,
    Embeddings,
    extract_embeddings,
    read_embeddings,
    write_embeddings,
)


def test_rows_follow_the_table_whatever_the_batch(fake_ldae, scans):
    one, four = (extract_embeddings(fake_ldae.encode_semantic, scans, size, "ldae") for size in (1, 4))
    np.testing.assert_array_equal(one.features, four.features)
    assert four.features.shape == (len(scans), 2)
    assert len(np.unique(four.features[:, 0])) == len(scans)
    for name in EMBEDDING_COLUMNS:
        assert four.table[name].tolist() == scans[name].tolist()


def test_no_label_is_kept_even_where_the_table_has_some(fake_ldae, dataset, tmp_path):
    embeddings = extract_embeddings(fake_ldae.encode_semantic, dataset, 4, "ldae")
    write_embeddings(tmp_path / "ldae.npz", embeddings)
    with np.load(tmp_path / "ldae.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {f.name for f in fields(Embeddings)} - {"table"} | set(EMBEDDING_COLUMNS)
    assert list(embeddings.table) == list(EMBEDDING_COLUMNS)


def test_what_is_written_is_read(fake_ldae, scans, tmp_path):
    made = extract_embeddings(fake_ldae.encode_semantic, scans, 4, "ldae")
    made = Embeddings(made.features, made.table, made.names, ("ADNI0train", "ADNI3train"), nested=True)
    write_embeddings(tmp_path / "pca.npz", made)
    write_embeddings(tmp_path / "ldae.npz", replace(made, nested=False))
    again = read_embeddings(tmp_path / "pca.npz")
    assert again.nested and not read_embeddings(tmp_path / "ldae.npz").nested
    assert again.features.dtype == np.float32
    np.testing.assert_array_equal(again.features, made.features)
    pd.testing.assert_frame_equal(again.table, made.table)
    assert again.names == made.names == ("y_sem_0", "y_sem_1")
    assert again.fitted_to == ("ADNI0train", "ADNI3train")


def test_a_feature_can_be_left_out_and_scans_be_chosen(fake_ldae, scans):
    embeddings = extract_embeddings(fake_ldae.encode_semantic, scans, 4, "ldae")
    rest = embeddings.without("y_sem_0")
    assert rest.names == ("y_sem_1",)
    np.testing.assert_array_equal(rest.features[:, 0], embeddings.features[:, 1])
    test = (scans["split"] == "test").to_numpy()
    chosen = embeddings.select(test)
    np.testing.assert_array_equal(chosen.features, embeddings.features[test])
    assert chosen.table["subject"].tolist() == scans["subject"][test].tolist()
    assert chosen.table.index.tolist() == list(range(test.sum()))


def test_a_code_that_is_not_finite_names_the_scan(fake_ldae, scans):
    worst = scans["path"].iloc[5]

    def encode(images):
        codes = fake_ldae.encode_semantic(images)
        return torch.where(codes == bad, torch.nan, codes)

    bad = extract_embeddings(fake_ldae.encode_semantic, scans, 1, "ldae").features[5, 0]
    with pytest.raises(UserError, match=worst):
        extract_embeddings(encode, scans, 4, "ldae")


def test_a_code_of_another_length_names_the_scan_and_the_cure(fake_ldae, scans):
    def encode(images):
        codes = fake_ldae.encode_semantic(images)
        return codes if len(fake_ldae.batches) < 4 else codes.repeat(1, 2)

    with pytest.raises(UserError, match="expected: a code of 2 numbers") as error:
        extract_embeddings(encode, scans, 2, "theirs", cure="take another")
    assert error.value.where == scans["path"].iloc[6]
    assert (error.value.found, error.value.cure) == ("4", "take another")
