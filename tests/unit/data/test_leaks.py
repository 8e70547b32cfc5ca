"""Rows that a model may be fitted to."""

from __future__ import annotations

import pandas as pd
import pytest

from ldae.data.leaks import fitting_rows, refuse_test_subjects
from ldae.data.scans import read_scans
from ldae.errors import UserError


@pytest.mark.parametrize(
    "split, subjects", [("train", ["S0", "S0", "S1", "S2", "S3", "S4"]), ("validation", ["S5", "S5", "S6", "S7"])]
)
def test_rows_are_those_of_the_split_in_their_order(cohort, split, subjects):
    rows = fitting_rows(read_scans(cohort.scans), split)
    assert rows["subject"].tolist() == subjects
    assert rows.index.tolist() == list(range(len(rows)))
    assert set(rows["split"]) == {split}


def test_a_planted_test_subject_is_refused(cohort):
    cohort.plant_test_subject()
    with pytest.raises(UserError, match="no test subject"):
        fitting_rows(pd.read_csv(cohort.scans), "train")


def test_test_subjects_are_refused_by_name_whatever_rows_they_are_given_in(cohort):
    scans = read_scans(cohort.scans)
    refuse_test_subjects(["S0", "S5"], scans)
    with pytest.raises(UserError, match="1 of the test split, such as S9"):
        refuse_test_subjects(["S0", "S9"], scans)


def test_nothing_is_fitted_to_the_test_split(cohort):
    with pytest.raises(ValueError, match="nothing is fitted"):
        fitting_rows(read_scans(cohort.scans), "test")


@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_empty_split_is_refused(cohort, split):
    table = read_scans(cohort.scans)
    with pytest.raises(UserError, match=f"no scan in the split {split}"):
        fitting_rows(table[table["split"] != split], split)
