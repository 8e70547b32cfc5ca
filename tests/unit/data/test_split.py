"""The split: fair at first, and then unmoved by whatever comes, goes or is corrected."""

import logging
import random
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from ldae.config.cohort import SplitConfig
from ldae.data.leaks import refuse_torn_subjects
from ldae.data.split import grow_split, split_subjects, update_split
from ldae.errors import UserError

CONFIG = SplitConfig(validation_fraction=0.15, test_fraction=0.35, file=None)
SHARES = {"train": 0.5, "validation": 0.15, "test": 0.35}
SEED = 5


def cohort(**counts):
    rows = [(f"{name}{number:03d}", name) for name, count in counts.items() for number in range(count)]
    return pd.DataFrame(rows, columns=["subject", "diagnosis"])


def people(rng, count, offset=0):
    """A cohort of random diagnoses, some unknown."""
    rows = [(f"S{number + offset:04d}", rng.choice(["CN", "CN", "MCI", "AD", None])) for number in range(count)]
    return pd.DataFrame(rows, columns=["subject", "diagnosis"])


def test_every_subject_has_one_side_whatever_the_order_of_rows():
    table = cohort(CN=31, MCI=17, AD=23)
    split = split_subjects(table, CONFIG, seed=SEED)
    assert set(split) == set(table["subject"])
    assert split_subjects(table.sample(frac=1, random_state=0), CONFIG, seed=SEED) == split


def test_another_seed_gives_another_split():
    table = cohort(CN=31, AD=23)
    assert split_subjects(table, CONFIG, seed=5) != split_subjects(table, CONFIG, seed=6)


def test_shares_hold_within_each_diagnosis():
    table = cohort(CN=40, MCI=60, AD=20)
    split = split_subjects(table, CONFIG, seed=SEED)
    for name, group in table.groupby("diagnosis"):
        counts = Counter(split[subject] for subject in group["subject"])
        assert abs(counts["test"] - 0.35 * len(group)) <= 0.5, name
        assert abs(counts["validation"] - 0.15 * len(group)) <= 0.5, name


@pytest.mark.parametrize("count", [3, 4, 5, 7, 12])
def test_small_classes_occur_on_every_side(count):
    table = cohort(CN=count, AD=3)
    split = split_subjects(table, CONFIG, seed=SEED)
    for name in ("CN", "AD"):
        sides = {split[subject] for subject in table.loc[table["diagnosis"] == name, "subject"]}
        assert sides == {"train", "validation", "test"}


def test_two_subjects_a_class_still_give_a_validation_subject():
    split = split_subjects(cohort(CN=2, MCI=2, AD=2), CONFIG, seed=SEED)
    assert set(split.values()) == {"train", "validation", "test"}


@pytest.mark.parametrize("counts", [{"CN": 1}, {"CN": 2}, {"CN": 1, "AD": 1}, {"CN": 3}])
@pytest.mark.parametrize("test_fraction", [0.1, 0.5, 0.84])
def test_training_is_never_empty(counts, test_fraction):
    config = CONFIG.model_copy(update={"test_fraction": test_fraction})
    assert "train" in split_subjects(cohort(**counts), config, seed=SEED).values()


def test_a_doubled_subject_is_refused(tmp_path):
    twice = pd.concat([cohort(CN=3)] * 2)
    with pytest.raises(UserError, match="twice"):
        split_subjects(twice, CONFIG, seed=SEED)
    with pytest.raises(UserError, match="twice"):
        update_split(twice, CONFIG, tmp_path / "split.csv", seed=SEED)


def test_leaks_are_seen():
    table = pd.DataFrame({"subject": ["a", "a", "b"], "split": ["train", "train", "test"]})
    refuse_torn_subjects(table)
    with pytest.raises(UserError, match="a in several"):
        refuse_torn_subjects(table.assign(split=["train", "test", "test"]))
    with pytest.raises(UserError, match="Test"):
        refuse_torn_subjects(table.assign(split=["train", "train", "Test"]))


# A split that is kept


@pytest.fixture
def update(tmp_path):
    """Run the split on one file; fractions and the user's list may be given."""

    def run(table, seed=SEED, path=tmp_path / "split.csv", **values):
        return update_split(table, CONFIG.model_copy(update=values), path, seed=seed)

    return run


def written(tmp_path):
    table = pd.read_csv(tmp_path / "split.csv", dtype=str)
    assert table.columns.tolist() == ["subject", "split"]
    assert table["subject"].is_unique
    return dict(table.values)


def test_the_first_run_is_the_plain_split(update, tmp_path):
    table = cohort(CN=31, MCI=17, AD=23)
    assert update(table) == split_subjects(table, CONFIG, seed=SEED) == written(tmp_path)


@pytest.mark.parametrize("seed", range(12))
def test_nobody_ever_moves(update, tmp_path, seed):
    """Subjects come, go and return, diagnoses, fractions and the seed change."""
    rng = random.Random(seed)
    everybody = people(rng, 90)
    known = {}
    for step in range(8):
        table = everybody.sample(rng.randint(3, 80), random_state=rng.randint(0, 10**6)).copy()
        corrected = table.sample(frac=0.3, random_state=step).index
        table.loc[corrected, "diagnosis"] = rng.choice(["CN", "MCI", "AD"])
        shares = {"validation_fraction": rng.uniform(0.05, 0.3), "test_fraction": rng.uniform(0.05, 0.5)}
        split = update(table, seed=rng.randint(0, 99), **shares)
        assert set(split) == set(table["subject"])
        assert {subject: side for subject, side in split.items() if subject in known} == {
            subject: known[subject] for subject in split if subject in known
        }
        known |= split
        assert written(tmp_path) == known


@pytest.mark.parametrize("seed", range(8))
def test_a_growing_cohort_keeps_its_shares_within_each_diagnosis(update, seed):
    rng = random.Random(seed)
    everybody, start = people(rng, 240), rng.randint(1, 60)
    split = update(everybody[:start], seed=seed)
    while start < len(everybody):
        start += rng.randint(1, 25)
        split = update(everybody[:start], seed=seed)
    for name, group in everybody.groupby(everybody["diagnosis"].fillna("")):
        counts = Counter(split[subject] for subject in group["subject"])
        for side, share in SHARES.items():
            assert abs(counts[side] - share * len(group)) <= 1.5, (name, side)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("start", [1, 2, 3])
def test_no_side_stays_empty_when_a_tiny_cohort_grows(update, seed, start):
    table = people(random.Random(seed), 12)
    update(table[:start], seed=seed)
    for count in range(start + 1, 13):
        split = update(table[:count], seed=seed)
        assert "train" in split.values()
        if count >= start + 2:
            assert set(split.values()) == set(SHARES), count


@pytest.mark.parametrize("seed", range(6))
def test_a_new_diagnosis_occurs_on_every_side_from_its_third_subject_on(update, seed):
    update(cohort(CN=20), seed=seed)
    for count in range(1, 6):
        table = cohort(CN=20, AD=count)
        sides = [side for subject, side in update(table, seed=seed).items() if subject.startswith("AD")]
        if count >= 3:
            assert set(sides) == set(SHARES)


def test_a_new_subject_goes_where_its_own_diagnosis_lacks_most():
    table = cohort(CN=11, AD=21)
    here = dict.fromkeys(table["subject"][:6], "train") | {"CN006": "validation", "CN007": "validation"}
    here |= {"CN008": "test", "CN009": "test"}  # 6, 2 and 2 of 10: of 11, test lacks 1.85
    here |= {f"AD{number:03d}": "test" for number in range(15)}  # the others do not count
    here |= {"AD015": "train", "AD016": "train", "AD017": "train", "AD018": "validation", "AD019": "validation"}
    grown = grow_split(here, table, CONFIG, seed=SEED)
    assert {subject: grown[subject] for subject in here} == here
    assert grown["CN010"] == "test"
    assert grown["AD020"] == "train"


def test_new_subjects_come_in_the_order_of_their_hash_not_of_the_rows(update, tmp_path):
    first, later = cohort(CN=10, AD=10), cohort(CN=17, AD=14)
    splits = set()
    for number, table in enumerate((later, later[::-1], later.sample(frac=1, random_state=3))):
        path = tmp_path / f"{number}.csv"
        update(first, path=path)
        splits.add(tuple(sorted(update(table, path=path).items())))
    assert len(splits) == 1
    other = tmp_path / "other.csv"
    other.write_text((tmp_path / "0.csv").read_text())
    added = {
        tuple(sorted(update(cohort(CN=30, AD=30), path=path, seed=seed).items()))
        for path, seed in ((tmp_path / "0.csv", 1), (other, 2))
    }
    assert len(added) == 2


def test_who_left_returns_to_the_same_side(update, tmp_path):
    whole = cohort(CN=12, AD=9)
    split = update(whole)
    gone = {subject for subject in split if split[subject] == "test"}
    assert len(gone) > 3
    rest = update(whole[~whole["subject"].isin(gone)])
    assert set(rest) == set(split) - gone
    assert written(tmp_path) == split
    assert update(whole.assign(diagnosis="MCI")) == split


def test_a_side_without_a_share_stays_empty(update):
    update(cohort(CN=4), validation_fraction=0.0)
    assert "validation" not in update(cohort(CN=30, AD=9), validation_fraction=0.0).values()


def test_other_fractions_concern_new_subjects_alone_and_that_is_said(update, caplog, tmp_path):
    caplog.set_level(logging.INFO, logger="ldae")
    split = update(cohort(CN=10))
    assert "delete" not in caplog.text
    caplog.clear()
    grown = update(cohort(CN=24), validation_fraction=0.6, test_fraction=0.2, seed=99)
    assert {subject: grown[subject] for subject in split} == split
    assert Counter(grown[subject] for subject in set(grown) - set(split))["validation"] >= 12
    for words in ("10 subjects stay", "validation_fraction 0.6", "14 new ones", f"delete {tmp_path / 'split.csv'}"):
        assert words in caplog.text


def test_deleting_the_file_makes_a_new_split(update, tmp_path):
    table = cohort(CN=20, AD=20)
    update(table[:30], seed=1)
    kept = update(table, seed=2)
    (tmp_path / "split.csv").unlink()
    assert update(table, seed=2) == split_subjects(table, CONFIG, seed=2) != kept


# The user's own list


@pytest.fixture
def own(tmp_path):
    """Write a user's list."""

    def write(text):
        path = tmp_path / "own.csv"
        path.write_text(text)
        return str(path)

    return write


def test_the_users_list_wins_and_is_never_written(update, own, tmp_path):
    table = cohort(CN=9, AD=9)
    file = own("note,subject,split\nx,sub-CN000,test\n,AD000, validation\n\n,GONE,train\n,AD001,train\n")
    text = Path(file).read_text()
    split = update(table, file=file)
    assert [split[name] for name in ("CN000", "AD000", "AD001")] == ["test", "validation", "train"]
    assert set(split.values()) == set(SHARES)
    assert Path(file).read_text() == text
    assert written(tmp_path) == split
    assert update(table, file=None) == split, "what the list gave is kept without it"


def test_subjects_of_the_users_list_without_a_scan_are_said(update, own, caplog):
    update(cohort(CN=3), file=own("subject,split\nCN000,test\nGONE,train\nLOST,test\n"))
    assert "2 subjects of" in caplog.text
    assert "GONE" in caplog.text


def test_a_list_for_everybody_is_the_split(update, own):
    table = cohort(CN=4)
    sides = ["test", "test", "train", "test"]
    rows = "".join(f"{subject},{side}\n" for subject, side in zip(table["subject"], sides, strict=True))
    assert list(update(table, file=own("subject,split\n" + rows)).values()) == sides


def test_the_two_lists_may_not_differ(update, own, tmp_path):
    split = update(cohort(CN=8))
    before = (tmp_path / "split.csv").read_bytes()
    other = {"train": "test", "test": "validation", "validation": "train"}[split["CN003"]]
    file = own(f"subject,split\nCN002,{split['CN002']}\nCN003,{other}\n")
    with pytest.raises(UserError) as raised:
        update(cohort(CN=8), file=file)
    text = str(raised.value)
    for words in (f"{file}: line 3", f"{tmp_path / 'split.csv'}: line 5", f"{other} and {split['CN003']}", "delete"):
        assert words in text
    assert (tmp_path / "split.csv").read_bytes() == before


def test_another_spelling_is_not_passed_over(update, own, tmp_path):
    table = pd.DataFrame({"subject": ["ADNI011S0021", "ADNI012S0345", "X"], "diagnosis": "CN"})
    for spelled in ("011_S_0021", "adni011s0021", "ADNI-011-S-0021"):
        with pytest.raises(UserError, match="line 2\n  expected: ADNI011S0021") as raised:
            update(table, file=own(f"subject,split\n{spelled},test\n"))
        assert spelled in raised.value.found
        assert not (tmp_path / "split.csv").exists()
    assert update(table, file=own("subject,split\nsub-ADNI011S0021,test\n"))["ADNI011S0021"] == "test"
    with pytest.raises(UserError, match="ADNI012S0345"):
        update(table[table["subject"] == "X"], file=own("subject,split\nadni012s0345,test\n"))
