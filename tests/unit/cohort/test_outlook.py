"""What is said of the tables before the trainings, held against what the tables then say."""

import numpy as np
import pandas as pd
import pytest

from ldae.cohort.outlook import PAIRS, list_gaps, say_gaps
from ldae.config.evaluation import BootstrapConfig, ProbesConfig
from ldae.config.names import LDAE
from ldae.errors import UserError
from ldae.evaluation.features.embeddings import embeddings_of
from ldae.evaluation.tables.downstream import evaluate_encoders
from ldae.evaluation.tables.tasks import TASKS
from ldae.training.supervised import labelled_rows

PROBES = ProbesConfig(c_grid=[0.1, 1.0], alpha_grid=[1.0, 10.0], redraws=0)
BOOTSTRAP = BootstrapConfig(draws=100, confidence=0.9)


def scans(*people):
    """Scans of (subject, split, diagnosis, age, how many)."""
    rows = [
        {"subject": name, "session": f"M{12 * visit:03d}", "split": split, "diagnosis": diagnosis, "age": age}
        | {"months": 12 * visit, "sex": "F"}
        for name, split, diagnosis, age, visits in people
        for visit in range(visits)
    ]
    return pd.DataFrame(rows)


def draw(rng):
    """A cohort of a few people, some without labels."""
    sides = ["train", "validation", "test", *rng.choice(["train", "validation", "test"], rng.integers(0, 7))]
    people = [
        (f"S{n}", side, rng.choice(["AD", "CN", "MCI", ""]), rng.choice([np.nan, 60 + n]), int(rng.integers(1, 4)))
        for n, side in enumerate(sides)
    ]
    return scans(*people)


def lacking(table):
    return {gap.where.removeprefix("tables: ") for gap in list_gaps(table)}


def test_the_pairs_are_those_of_the_probes():
    assert list(PAIRS) == [task.classes for task in TASKS if task.classify and task.label == "diagnosis"]


@pytest.mark.parametrize("seed", range(30))
def test_once_the_split_is_known_the_gaps_are_exact(seed):
    table = draw(np.random.default_rng(seed))
    said = lacking(table)
    keys = table[["subject", "session", "split"]]
    features = embeddings_of(np.random.default_rng(seed).normal(size=(len(table), 3)), keys, ("a", "b", "c"))
    labelled = type(features)(**{**vars(features), "table": table.assign(progression="", field_strength="")})
    rows, _ = evaluate_encoders({LDAE: labelled}, PROBES, BOOTSTRAP, 0)
    for task in ("AD vs CN", "MCI vs CN", "AD vs MCI", "age"):
        scored = rows[rows["task"] == task]
        empty = scored["note"].str.startswith("not possible").any() or scored["value"].isna().all()
        assert (task in said) == empty, (task, list_gaps(table))
    for task in ("ad_cn", "age"):
        assert (f"supervised_{task}" in said) == cannot_be_trained(table, task)


def cannot_be_trained(table, task):
    try:
        for split in ("train", "validation"):
            labelled_rows(table[["subject", "session", "split"]], table, task, split)
    except UserError:
        return True
    return False


@pytest.mark.parametrize(
    "subjects, said", [(2, {"all"}), (3, {"all"}), (9, {"all"}), (10, set())], ids=["two", "three", "nine", "ten"]
)
def test_few_subjects_are_said_before_the_split(subjects, said):
    people = [(f"S{n}", "", diagnosis, 70.0, 1) for n in range(subjects) for diagnosis in ("AD", "CN", "MCI")]
    table = scans(*people).drop(columns="split")
    assert lacking(table) - {"AD vs CN", "MCI vs CN", "AD vs MCI"} == said


def test_a_cohort_without_any_diagnosis_is_told_what_it_will_lack():
    gaps = {
        gap.where: gap
        for gap in list_gaps(scans(*[(f"S{n}", "", "", 70.0, 1) for n in range(12)]).drop(columns="split"))
    }
    assert set(gaps) == {"tables: AD vs CN", "tables: MCI vs CN", "tables: AD vs MCI"}
    found = gaps["tables: AD vs CN"].found
    assert found.startswith("0 AD and 0 CN subjects: not possible") and "calibration.csv" in found


def test_the_gaps_are_logged(caplog):
    say_gaps(scans(("A", "train", "CN", 70.0, 1), ("B", "validation", "CN", 71.0, 1), ("C", "test", "CN", 72.0, 1)))
    assert "no AD in training: not possible" in caplog.text
    assert "leave ad_cn out of evaluation.supervised_tasks" in caplog.text
    assert "PCA of the voxels" in caplog.text
