"""The one split into training, validation and test subjects; once made, it never moves."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from math import floor
from pathlib import Path

import pandas as pd

from ldae.config.cohort import SplitConfig
from ldae.data.assignments import Assignment, read_assignments, refuse_other_sides, refuse_other_spellings
from ldae.data.sides import SPLITS
from ldae.errors import UserError
from ldae.files import write_table

logger = logging.getLogger(__name__)

MIN_STRATUM = 3


def update_split(cohort: pd.DataFrame, config: SplitConfig, path: str | Path, *, seed: int) -> dict[str, str]:
    """Give every subject its side and add the new ones to the file that keeps them.

    A side once given stays, also that of a subject that left and may return, whatever the cohort, the diagnoses, the
    fractions and the seed become; those concern new subjects alone. `config.file`, the user's own list, wins and is
    never written.

    Parameters
    ----------
    cohort
        Columns `subject` and `diagnosis` (at baseline, empty or missing where unknown), one row per subject.
    config
        Fractions, and the user's list of subjects and sides, if there is one.
    path
        CSV with the columns subject, split, which need not exist; it is rewritten with what it had, and the new.
    seed
        Of the order of the subjects.

    Returns
    -------
    dict
        The side of each subject of `cohort`.

    Raises
    ------
    UserErrors
        A list contradicts itself or the other one, or spells a subject otherwise than the cohort.
    """
    kept = read_assignments(path) if Path(path).is_file() else {}
    given = read_assignments(config.file) if config.file else {}
    refuse_other_sides(config.file, path)
    for file, listed in ((path, kept), (config.file, given)):
        refuse_other_spellings(listed, set(cohort["subject"]), file)
    known = {subject: row.split for subject, row in (kept | given).items()}
    here = {subject: known[subject] for subject in sorted(cohort["subject"]) if subject in known}
    _refuse_twice(cohort)
    split = grow_split(here, cohort, config, seed=seed) if here else split_subjects(cohort, config, seed=seed)
    _say(split, here, given, config, path)
    table = {subject: row.split for subject, row in kept.items()} | split
    write_table(path, pd.DataFrame(sorted(table.items()), columns=["subject", "split"]))
    return split


def split_subjects(table: pd.DataFrame, config: SplitConfig, seed: int) -> dict[str, str]:
    """Give every subject of a cohort without any earlier split to train, validation or test.

    Within each diagnosis the subjects are ordered by a hash of (subject, seed); the first go to test, the last to
    validation, the rest to training. So the order of rows is irrelevant and every stratum has its shares. A diagnosis
    with three subjects or more is present in training, validation and test, as far as these have a share, and so is
    someone in a cohort of three subjects or more.

    Parameters
    ----------
    table
        Columns `subject` and `diagnosis` (at baseline), one row per subject.
    config
        The shares.
    seed
        Of the order of the subjects.

    Raises
    ------
    UserError
        A subject stands twice.
    """
    _refuse_twice(table)
    split: dict[str, str] = {}
    for _, stratum in table.groupby(table["diagnosis"].fillna("")):
        subjects = sorted(stratum["subject"], key=lambda subject: _draw(subject, seed))
        test, validation = _quotas(config, len(subjects))
        training = len(subjects) - test - validation
        sides = ["test"] * test + ["train"] * training + ["validation"] * validation
        split |= dict(zip(subjects, sides, strict=True))
    for side, fraction in (("test", config.test_fraction), ("validation", config.validation_fraction)):
        if fraction > 0 and side not in split.values():
            _lend(side, split, table, seed)
    return split


def grow_split(here: dict[str, str], cohort: pd.DataFrame, config: SplitConfig, *, seed: int) -> dict[str, str]:
    """Give each new subject to the side that its stratum lacks most against its share; nobody else moves.

    New subjects come in the order of a hash of (subject, seed). A side that nobody is on goes first, and from the
    third subject of a diagnosis on a side without this diagnosis.

    Parameters
    ----------
    here
        Sides of those subjects of the cohort that have one, at least one.
    cohort, config, seed
        As `split_subjects`.
    """
    shares = {"validation": config.validation_fraction, "test": config.test_fraction}
    shares["train"] = 1 - sum(shares.values())
    shares = {side: shares[side] for side in SPLITS if shares[side] > 0}
    diagnosis = dict(zip(cohort["subject"], cohort["diagnosis"].fillna(""), strict=True))
    split = dict(here)
    for subject in sorted(set(diagnosis) - set(here), key=lambda subject: _draw(subject, seed)):
        stratum = Counter(side for other, side in split.items() if diagnosis[other] == diagnosis[subject])
        size = stratum.total() + 1
        empty = [side for side in shares if side not in split.values()]
        rare = [side for side in shares if not stratum[side]] if size >= MIN_STRATUM else []
        sides = ["train"] if "train" in empty else empty or rare or list(shares)
        split[subject] = max(sides, key=lambda side: round(shares[side] * size - stratum[side], 9))
    return split


def _say(
    split: dict[str, str], here: dict[str, str], given: dict[str, Assignment], config: SplitConfig, path: str | Path
) -> None:
    """Log the sides, and, where some were kept, that fractions and seed concern new subjects alone."""
    counts = Counter(split.values())
    sides = ", ".join(f"{counts[side]} {side} ({counts[side] / len(split):.0%})" for side in SPLITS)
    logger.info("%d subjects: %s", len(split), sides)
    if here:
        logger.info(
            "%d subjects stay on their sides; split.validation_fraction %g, split.test_fraction %g and the seed "
            "concern the %d new ones alone. For a new split, with everything trained anew, delete %s",
            *(len(here), config.validation_fraction, config.test_fraction, len(split) - len(here), path),
        )
    absent = set(given) - set(split)
    if absent:
        logger.warning("%d subjects of %s have no usable scan, such as %s", len(absent), config.file, min(absent))


def _refuse_twice(table: pd.DataFrame) -> None:
    if table["subject"].duplicated().any():
        twice = table.loc[table["subject"].duplicated(), "subject"].iloc[0]
        raise UserError("the split", "one row per subject", f"{twice} twice", "give one baseline diagnosis per subject")


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


def _lend(side: str, split: dict[str, str], table: pd.DataFrame, seed: int) -> None:
    """Move one training subject of the largest stratum to a side for which every stratum was too small."""
    diagnosis = dict(zip(table["subject"], table["diagnosis"].fillna(""), strict=True))
    training = [subject for subject, side in split.items() if side == "train"]
    if len(training) < 2:
        return
    counts = pd.Series([diagnosis[subject] for subject in training]).value_counts()
    stratum = max(sorted(counts.index), key=lambda name: (counts[name], name == "MCI"))
    split[min((s for s in training if diagnosis[s] == stratum), key=lambda subject: _draw(subject, seed))] = side
