"""What a cohort's tables will lack, said before anything is trained.

The check can only guess from the numbers of subjects; once the split is known, the gaps are exact.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from ldae.data.sides import SPLITS

logger = logging.getLogger(__name__)

PAIRS = (("AD", "CN"), ("MCI", "CN"), ("AD", "MCI"))  # the probes' classes
ENOUGH = 3  # subjects of a kind: one on each side of the split
FEW = 10
MORE = "add subjects"
LABELS = "name the column in cohort.columns.diagnosis and its values in cohort.diagnoses, or add subjects"
OF_AD_VS_CN = ", calibration.csv, p_AD in predictions.csv and the edits towards AD and CN in counterfactual.csv"
OF_AGE = ", predicted_age in predictions.csv and the edits of age in counterfactual.csv"


class Gap(NamedTuple):
    """What will be missing, in the terms of the findings: where, what it takes, what there is, the cure."""

    where: str
    expected: str
    found: str
    cure: str


def list_gaps(scans: pd.DataFrame) -> list[Gap]:
    """What the tables will lack.

    Parameters
    ----------
    scans
        Columns subject, diagnosis (empty or missing where unknown) and age (years), one row per scan; with a column
        split the gaps are exact, without it those of diagnoses with fewer than three subjects are only likely.
    """
    known = scans.assign(diagnosis=scans["diagnosis"].fillna(""), age=pd.to_numeric(scans["age"], errors="coerce"))
    of_split = [_split_gaps, _supervised_gaps, _interpolation_gaps] if "split" in known else []
    gaps = list(_size_gaps(known))
    if "split" in known or known["subject"].nunique() >= ENOUGH:
        gaps += [gap for part in (_pair_gaps, _age_gaps, *of_split) for gap in part(known)]
    return [gap._replace(where=f"tables: {gap.where}") for gap in gaps]


def say_gaps(scans: pd.DataFrame) -> None:
    """Log every gap as a warning."""
    for gap in list_gaps(scans):
        logger.warning("%s: %s; it takes %s; %s", *(gap.where, gap.found, gap.expected, gap.cure))


def _size_gaps(scans: pd.DataFrame) -> Iterator[Gap]:
    subjects = scans["subject"].nunique()
    if subjects < ENOUGH:
        expected = f"{ENOUGH} subjects at least, one for training, validation and test each"
        yield Gap("all", expected, f"{subjects} subjects: the workflow will stop at the split", MORE)
    elif subjects < FEW:
        found = f"{subjects} subjects: scores of one or two test subjects, intervals wide or without meaning"
        yield Gap("all", f"{FEW} subjects or more, better hundreds", found, MORE)


def _pair_gaps(scans: pd.DataFrame) -> Iterator[Gap]:
    for pair in PAIRS:
        chosen, task = scans[scans["diagnosis"].isin(pair)], " vs ".join(pair)
        missing = f"its rows in downstream.csv{OF_AD_VS_CN if pair == PAIRS[0] else ''}"
        expected = f"{ENOUGH} subjects each of {pair[0]} and {pair[1]}, one per side of the split"
        here = " and ".join(f"{chosen.loc[chosen['diagnosis'] == name, 'subject'].nunique()} {name}" for name in pair)
        if "split" not in scans:
            fewest = min(chosen.loc[chosen["diagnosis"] == name, "subject"].nunique() for name in pair)
            if fewest < ENOUGH:
                will = "not possible" if fewest == 0 else "perhaps not possible"
                yield Gap(task, expected, f"{here} subjects: {will}, then without {missing}", LABELS)
        elif lacking := _lacking(chosen, pair):
            yield Gap(task, expected, f"{here} subjects, {lacking}: not possible, without {missing}", LABELS)
        elif not chosen["split"].eq("test").any():
            yield Gap(task, expected, f"{here} subjects, none of them in test: no score, without {missing}", LABELS)


def _lacking(chosen: pd.DataFrame, pair: tuple[str, str]) -> str:
    """The side on which a probe lacks what it is fitted to or chosen by."""
    trained = set(chosen.loc[chosen["split"].eq("train"), "diagnosis"])
    if len(trained) < len(pair):
        return f"no {' and no '.join(name for name in pair if name not in trained)} in training"
    return "" if chosen["split"].eq("validation").any() else "none of them in validation"


def _age_gaps(scans: pd.DataFrame) -> Iterator[Gap]:
    aged = scans[scans["age"].notna()]
    subjects = aged["subject"].nunique()
    sides = set(aged["split"]) if "split" in aged else set(SPLITS) if subjects >= ENOUGH else set()
    if absent := [side for side in SPLITS if side not in sides]:
        where = f", none in {', '.join(absent)}" if "split" in aged else ""
        expected, cure = (
            "known ages on every side of the split",
            "name the column in cohort.columns.age, or add subjects",
        )
        yield Gap("age", expected, f"{subjects} subjects{where}: without its rows in downstream.csv{OF_AGE}", cure)


def _split_gaps(scans: pd.DataFrame) -> Iterator[Gap]:
    train, validation = (scans[scans["split"] == side] for side in ("train", "validation"))
    if train["subject"].nunique() < 2:
        yield Gap("PCA of the voxels", "two training subjects", "one: it has no component, and says nothing", MORE)
    if len(train) < 3 or len(validation) < 2:
        found = f"{len(train)} and {len(validation)}: `ldae predict` cannot say how familiar a new scan is"
        yield Gap("familiarity of new scans", "three training and two validation scans", found, MORE)


def _supervised_gaps(scans: pd.DataFrame) -> Iterator[Gap]:
    targets = {"ad_cn": scans["diagnosis"].where(scans["diagnosis"].isin(PAIRS[0])), "age": scans["age"]}
    for task, target in targets.items():
        sides = [side for side in ("train", "validation") if target[scans["split"] == side].nunique() < 2]
        if sides:
            found = f"fewer in {' and '.join(sides)}: it cannot be trained, and the target paper_tables will stop"
            cure = f"add subjects, or leave {task} out of evaluation.supervised_tasks"
            yield Gap(f"supervised_{task}", "two different labels in training and in validation", found, cure)


def _interpolation_gaps(scans: pd.DataFrame) -> Iterator[Gap]:
    test = scans[scans["split"] == "test"]
    if test.groupby("subject").size().max() < 3 or test.empty:
        found = "none: its rows are empty"
        yield Gap("interpolation.csv", "a test subject with three scans", found, "add visits, if there are more")
