"""The table with labels."""

from __future__ import annotations

import pandas as pd
import pytest

from ldae.data.labels import read_dataset
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
