import numpy as np
import pandas as pd
import pytest

from ldae.evaluation.tables.cohort import describe_cohort


@pytest.fixture
def rows():
    scans = [
        ("a", "CN", 70.0, "F", "train", 0, 1.5),
        ("a", "MCI", 72.0, "F", "train", 24, 3.0),
        ("b", "AD", 80.0, "M", "test", 18, 3.0),
        ("b", "AD", 79.5, "M", "test", 12, 3.0),
        ("c", "", np.nan, "", "validation", 0, np.nan),
    ]
    columns = ["subject", "diagnosis", "age", "sex", "split", "months", "field_strength_t"]
    return describe_cohort(pd.DataFrame(scans, columns=columns)).set_index(["split", "diagnosis"])


def test_every_split_and_diagnosis_has_a_row(rows):
    assert len(rows) == 4 * 5
    assert rows.index.is_unique


def test_splits_and_diagnoses_add_up(rows):
    scans, subjects = rows["scans"].unstack(), rows["subjects"].unstack()
    assert scans.loc["all", "all"] == 5
    assert subjects.loc["all", "all"] == 3
    assert (scans.drop(columns="all").sum(axis=1) == scans["all"]).all()
    assert (scans.drop(index="all").sum() == scans.loc["all"]).all()
    assert (subjects.drop(index="all").sum() == subjects.loc["all"]).all()
    assert rows.loc[("train", "CN"), "subjects"] == rows.loc[("train", "MCI"), "subjects"] == 1


def test_people_are_described_at_their_first_scan(rows):
    everyone = rows.loc[("all", "all")]
    assert everyone.age_mean == pytest.approx((70 + 79.5) / 2)
    assert everyone.age_sd == pytest.approx(9.5 / 2**0.5)  # of a sample: divided by one less
    assert everyone.age_min == 70
    assert everyone.age_max == 80
    assert everyone.female == 0.5
    assert everyone.sex_known == 2
    assert everyone.visits_mean == pytest.approx(5 / 3)
    assert everyone.visits_max == 2
    assert everyone.follow_up_months == pytest.approx((24 + 6 + 0) / 3)


def test_field_strengths_are_counted(rows):
    everyone = rows.loc[("all", "all")]
    assert [everyone["scans_1.5t"], everyone["scans_3t"], everyone["scans_other_field"]] == [1, 3, 1]


def test_nobody_gives_zeros_and_empty_cells(rows):
    nobody = rows.loc[("test", "MCI")]
    assert nobody.subjects == nobody.scans == 0
    assert np.isnan(nobody.age_mean)
