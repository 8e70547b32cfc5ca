from collections import Counter

import pandas as pd
import pytest

from ldae.config.cohort import SplitConfig
from ldae.data.leaks import refuse_torn_subjects
from ldae.data.split import split_subjects
from ldae.errors import UserError

CONFIG = SplitConfig(validation_fraction=0.15, test_fraction=0.35, file=None)


def cohort(**counts):
    rows = [(f"{name}{number:03d}", name) for name, count in counts.items() for number in range(count)]
    return pd.DataFrame(rows, columns=["subject", "diagnosis"])


def test_every_subject_has_one_side_whatever_the_order_of_rows():
    table = cohort(CN=31, MCI=17, AD=23)
    split = split_subjects(table, CONFIG, 0)
    assert set(split) == set(table["subject"])
    assert split_subjects(table.sample(frac=1, random_state=0), CONFIG, 0) == split


def test_another_seed_gives_another_split():
    table = cohort(CN=31, AD=23)
    assert split_subjects(table, CONFIG, 1) != split_subjects(table, CONFIG, 2)


def test_shares_hold_within_each_diagnosis():
    table = cohort(CN=40, MCI=60, AD=20)
    split = split_subjects(table, CONFIG, 0)
    for name, group in table.groupby("diagnosis"):
        counts = Counter(split[subject] for subject in group["subject"])
        assert abs(counts["test"] - 0.35 * len(group)) <= 0.5, name
        assert abs(counts["validation"] - 0.15 * len(group)) <= 0.5, name


@pytest.mark.parametrize("count", [3, 4, 5, 7, 12])
def test_small_classes_occur_on_every_side(count):
    table = cohort(CN=count, AD=3)
    split = split_subjects(table, CONFIG, 0)
    for name in ("CN", "AD"):
        sides = {split[subject] for subject in table.loc[table["diagnosis"] == name, "subject"]}
        assert sides == {"train", "validation", "test"}


def test_two_subjects_a_class_still_give_a_validation_subject():
    split = split_subjects(cohort(CN=2, MCI=2, AD=2), CONFIG, 0)
    assert set(split.values()) == {"train", "validation", "test"}


@pytest.mark.parametrize("counts", [{"CN": 1}, {"CN": 2}, {"CN": 1, "AD": 1}, {"CN": 3}])
@pytest.mark.parametrize("test_fraction", [0.1, 0.5, 0.84])
def test_training_is_never_empty(counts, test_fraction):
    config = SplitConfig(validation_fraction=0.15, test_fraction=test_fraction, file=None)
    assert "train" in split_subjects(cohort(**counts), config, 0).values()


@pytest.mark.parametrize("count", range(6, 40))
def test_one_more_subject_moves_two_others_at_most(count):
    small, large = cohort(CN=count), cohort(CN=count + 1)
    before, after = split_subjects(small, CONFIG, 0), split_subjects(large, CONFIG, 0)
    assert sum(before[subject] != after[subject] for subject in before) <= 2


def test_a_subject_of_another_class_moves_nobody():
    before, after = split_subjects(cohort(CN=20, AD=9), CONFIG, 0), split_subjects(cohort(CN=20, AD=10), CONFIG, 0)
    assert all(before[subject] == after[subject] for subject in before if subject.startswith("CN"))


def test_a_doubled_subject_is_refused():
    with pytest.raises(UserError, match="twice"):
        split_subjects(pd.concat([cohort(CN=3)] * 2), CONFIG, 0)


def test_leaks_are_seen():
    table = pd.DataFrame({"subject": ["a", "a", "b"], "split": ["train", "train", "test"]})
    refuse_torn_subjects(table)
    with pytest.raises(ValueError, match="more than one split: a"):
        refuse_torn_subjects(table.assign(split=["train", "test", "test"]))
    with pytest.raises(ValueError, match="unknown"):
        refuse_torn_subjects(table.assign(split=["train", "train", "Test"]))
