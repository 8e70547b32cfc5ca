import numpy as np
import pandas as pd
import pytest

from ldae.data.labels import LABELS, join_labels, read_dataset
from ldae.errors import UserError


@pytest.fixture
def dataset():
    rows = [
        ("a", "M000", "a0", "train", "CN", "F", 70.5, 0),
        ("a", "M012", "a12", "train", "MCI", "F", 71.5, 12),
        ("b", "M000", "b0", "test", "AD", "M", 80.0, 0),
    ]
    return pd.DataFrame(rows, columns=["subject", "session", "path", "split", "diagnosis", "sex", "age", "months"])


@pytest.fixture
def scans(dataset):
    return dataset.loc[[2, 1, 0], ["subject", "session", "split"]]


def test_labels_follow_the_order_of_the_scans(scans, dataset):
    joined = join_labels(scans.assign(code=[2, 1, 0]), dataset)
    assert list(joined) == ["subject", "session", "split", "code", *LABELS]
    assert joined["diagnosis"].tolist() == ["AD", "MCI", "CN"]
    assert joined["age"].tolist() == [80.0, 71.5, 70.5]
    assert joined["code"].tolist() == [2, 1, 0]
    assert joined.index.tolist() == [0, 1, 2]


def test_the_dataset_may_hold_more_scans_but_not_fewer(scans, dataset):
    assert len(join_labels(scans[:2], dataset)) == 2
    with pytest.raises(UserError, match="a M012"):
        join_labels(scans, dataset.drop(index=1))


def test_a_scan_that_changed_sides_is_refused(scans, dataset):
    dataset.loc[2, "split"] = "train"
    with pytest.raises(UserError, match="b M000 in the split test"):
        join_labels(scans, dataset)


def test_unknown_labels_are_empty_and_identifiers_stay_text(dataset, tmp_path):
    dataset = dataset.astype({"subject": str}).replace({"subject": {"a": "007"}})
    dataset.loc[0, ["diagnosis", "age"]] = None, np.nan
    dataset.to_csv(tmp_path / "dataset.csv", index=False)
    read = read_dataset(tmp_path / "dataset.csv")
    assert read["subject"].tolist() == ["007", "007", "b"]
    assert read["diagnosis"].tolist() == ["", "MCI", "AD"]
    assert np.isnan(read["age"][0])
    assert read["months"].tolist() == [0, 12, 0]
    dataset[:0].to_csv(tmp_path / "empty.csv", index=False)
    with pytest.raises(UserError, match="one row per scan"):
        read_dataset(tmp_path / "empty.csv")
