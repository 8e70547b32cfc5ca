import numpy as np
import pandas as pd
import pytest
import torch

from ldae.errors import UserError
from ldae.evaluation.features.embeddings import extract_embeddings, read_embeddings, write_embeddings


def test_rows_follow_the_dataset_whatever_the_batch(fake_ldae, dataset):
    one, four = (extract_embeddings(fake_ldae.encode_semantic, dataset, size, "ldae") for size in (1, 4))
    np.testing.assert_array_equal(one.features, four.features)
    assert four.features.shape == (14, 2)
    assert four.table["subject"].tolist() == dataset["subject"].tolist()
    assert set(four.table["split"]) == {"train", "test"}


def test_what_is_written_is_read(fake_ldae, dataset, tmp_path):
    dataset.loc[0, ["diagnosis", "age"]] = "", np.nan
    embeddings = extract_embeddings(fake_ldae.encode_semantic, dataset, 4, "ldae")
    write_embeddings(tmp_path / "ldae.npz", embeddings)
    again = read_embeddings(tmp_path / "ldae.npz")
    assert again.features.dtype == np.float32
    np.testing.assert_array_equal(again.features, embeddings.features)
    pd.testing.assert_frame_equal(again.table, embeddings.table, check_dtype=False)
    assert again.names == embeddings.names == ("y_sem_0", "y_sem_1")


def test_a_feature_can_be_left_out(fake_ldae, dataset):
    embeddings = extract_embeddings(fake_ldae.encode_semantic, dataset, 4, "ldae")
    rest = embeddings.without("y_sem_0")
    assert rest.names == ("y_sem_1",)
    np.testing.assert_array_equal(rest.features[:, 0], embeddings.features[:, 1])


def test_a_code_that_is_not_finite_names_the_scan(fake_ldae, dataset):
    fake_ldae.encode_semantic = lambda x: torch.full((len(x), 2), torch.nan)
    with pytest.raises(UserError, match="train0M000"):
        extract_embeddings(fake_ldae.encode_semantic, dataset, 4, "ldae")
