"""The table with labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ldae.data.labels import field_strength, join_labels, read_dataset
from ldae.errors import UserError


def test_what_is_unknown_is_empty_or_nan(cohort):
    table = read_dataset(cohort.dataset).set_index(["subject", "session"])
    assert table.loc[("S7", "M000"), "diagnosis"] == ""
    assert table.loc[("S0", "M000"), "diagnosis"] == "AD"
    assert pd.isna(table.loc[("S4", "M000"), "age"])


def test_an_empty_dataset_is_refused(cohort):
    pd.read_csv(cohort.dataset).head(0).to_csv(cohort.dataset, index=False)
    with pytest.raises(UserError, match="no row"):
        read_dataset(cohort.dataset)


def test_a_planted_test_subject_is_refused(cohort):
    cohort.plant_test_subject()
    with pytest.raises(UserError, match="S8 in several"):
        read_dataset(cohort.dataset)


def test_a_site_is_a_name_and_an_unknown_one_empty(cohort):
    table = pd.read_csv(cohort.dataset)
    table.assign(site=["007", *["002"] * (len(table) - 1)], phase=["", *["ADNI3"] * (len(table) - 1)]).to_csv(
        cohort.dataset, index=False
    )
    read = read_dataset(cohort.dataset)
    assert read["site"].tolist()[:2] == ["007", "002"] and read["phase"].tolist()[:2] == ["", "ADNI3"]


@pytest.mark.parametrize(
    "tesla, told",
    [(1.5, "1.5 T"), (1.494, "1.5 T"), (3, "3 T"), (2.89362, "3 T"), (7.0, "7 T"), (1.0, "1 T"), (np.nan, "")],
)
def test_the_field_strength_is_the_nominal_one(tesla, told):
    assert field_strength(pd.DataFrame({"field_strength_t": [tesla, 3.0]})).tolist() == [told, "3 T"]


def test_the_field_strength_is_joined_like_a_label():
    dataset = pd.DataFrame({"subject": ["A", "B"], "session": "M000", "split": "test", "field_strength": ["3 T", ""]})
    scans = dataset[["subject", "session", "split"]][::-1]
    assert join_labels(scans, dataset)["field_strength"].tolist() == ["", "3 T"]
