"""The one split into training, validation and test subjects."""

from __future__ import annotations

import hashlib
from math import floor

import pandas as pd

from ldae.config.cohort import SplitConfig
from ldae.errors import UserError

SPLITS = ("train", "validation", "test")
MIN_STRATUM = 3


def split_subjects(table: pd.DataFrame, config: SplitConfig, seed: int) -> dict[str, str]:
    """Give every subject to train, validation or test.

    Within each diagnosis the subjects are ordered by a hash of (subject, seed); the first go to test, the last to
    validation, the rest to training. So the order of rows is irrelevant, every stratum has its shares, and one more
    subject moves at most two others (those at the two borders of its stratum). A diagnosis with three subjects or
    more is present in training, validation and test, as far as these have a share.

    Parameters
    ----------
    table
        Columns `subject` and `diagnosis` (at baseline), one row a subject.
    config
        The shares.
    seed
        Another one gives another split.

    Raises
    ------
    UserError
        A subject stands twice.
    """
    if table["subject"].duplicated().any():
        twice = table.loc[table["subject"].duplicated(), "subject"].iloc[0]
        raise UserError("the split", "one row a subject", f"{twice} twice", "give one baseline diagnosis a subject")
    split = {}
    for _, stratum in table.groupby(table["diagnosis"].fillna("")):
        subjects = sorted(stratum["subject"], key=lambda subject: _draw(subject, seed))
        test, validation = _quotas(config, len(subjects))
        training = len(subjects) - test - validation
        sides = ["test"] * test + ["train"] * training + ["validation"] * validation
        split |= dict(zip(subjects, sides, strict=True))
    if config.validation_fraction > 0 and "validation" not in split.values():
        _lend_to_validation(split, table, seed)
    return split


def _draw(subject: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}:{subject}".encode()).hexdigest()


def _quotas(config: SplitConfig, count: int) -> tuple[int, int]:
    """Subjects of a stratum for test and validation: rounded shares, at least one each from `MIN_STRATUM` on.

    One subject at least is left for training.
    """
    test, validation = (
        max(floor(fraction * count + 0.5), int(fraction > 0 and count >= MIN_STRATUM))
        for fraction in (config.test_fraction, config.validation_fraction)
    )
    reserved = min(validation, 1) if count >= MIN_STRATUM else 0
    test = min(test, count - 1 - reserved)
    return test, min(validation, count - 1 - test)


def _lend_to_validation(split: dict[str, str], table: pd.DataFrame, seed: int) -> None:
    """Move one training subject of the largest stratum to validation, where every stratum was too small for one."""
    diagnosis = dict(zip(table["subject"], table["diagnosis"].fillna(""), strict=True))
    training = [subject for subject, side in split.items() if side == "train"]
    if len(training) < 2:
        return
    counts = pd.Series([diagnosis[subject] for subject in training]).value_counts()
    stratum = max(sorted(counts.index), key=lambda name: (counts[name], name == "MCI"))
    split[min((s for s in training if diagnosis[s] == stratum), key=lambda subject: _draw(subject, seed))] = (
        "validation"
    )
