"""Which scans are measured where not all are."""

from __future__ import annotations

import pandas as pd
import pytest

from ldae.evaluation.measure.comparison import compared_scans
from ldae.evaluation.measure.selection import draw_scans

VISITS = {f"S{i:02d}": 1 + i % 4 for i in range(24)}


@pytest.fixture
def rows():
    return pd.DataFrame(
        [(subject, f"M{12 * visit:03d}") for subject, visits in VISITS.items() for visit in range(visits)],
        columns=["subject", "session"],
    )


def keys(rows):
    return set(zip(rows["subject"], rows["session"], strict=True))


@pytest.mark.parametrize("count", [1, 10, 24, 25, 40])
def test_no_subject_has_a_second_scan_before_every_subject_has_one(rows, count):
    visits = draw_scans(rows, count, 3)["subject"].value_counts()
    assert visits.sum() == count
    assert visits.max() == (1 if count <= 24 else 2)
    assert len(visits) == min(count, 24)


def test_the_order_of_the_rows_has_no_say_and_the_seed_has(rows):
    shuffled = rows.sample(frac=1, random_state=2).reset_index(drop=True)
    drawn = draw_scans(rows, 10, 3)
    assert keys(draw_scans(shuffled, 10, 3)) == keys(drawn) != keys(draw_scans(rows, 10, 4))
    assert drawn.index.is_monotonic_increasing
    assert drawn["session"].nunique() > 1  # not the first visit of each


def test_another_subject_moves_no_draw_but_its_own(rows):
    without = rows[rows["subject"] != "S05"]
    assert len(keys(draw_scans(rows, 10, 3)) - keys(draw_scans(without, 10, 3))) <= 1


def test_subjects_of_many_scans_are_drawn_no_more_often(rows):
    drawn = pd.concat([draw_scans(rows, 6, seed) for seed in range(200)])
    often = drawn["subject"].map(VISITS).value_counts(normalize=True)
    assert often.to_dict() == pytest.approx(dict.fromkeys((1, 2, 3, 4), 0.25), abs=0.05)


@pytest.mark.parametrize("count", [None, 1000])
def test_all_are_taken_where_there_are_no_more(rows, count):
    pd.testing.assert_frame_equal(draw_scans(rows, count, 3), rows)


def test_all_test_scans_are_compared_and_some_validation_scans(rows):
    scans = rows.assign(split=["train", "validation", "test"] * (len(rows) // 3))
    chosen = compared_scans(scans, 5, 3)
    assert chosen["split"].value_counts().to_dict() == {"test": 20, "validation": 5}
    assert chosen.index.tolist() == list(range(25))
    drawn = draw_scans(scans[scans["split"] == "validation"], 5, 3)
    assert keys(chosen[chosen["split"] == "validation"]) == keys(drawn)
    assert compared_scans(scans, None, 3)["split"].value_counts().to_dict() == {"test": 20, "validation": 20}
