"""What phantom_truth.csv expects of edited scans."""

import pandas as pd
import pytest

from ldae.config.evaluation import BootstrapConfig
from ldae.evaluation.tables.counterfactual import EFFECT_COLUMNS, IDENTITY
from ldae.evaluation.tables.phantom_truth import TruthTable, add_edits


def edits(**changes) -> pd.DataFrame:
    """A table of counterfactuals as it should be, along the default direction, and a worse one along another."""
    rows = []
    for along, sign in (("pattern", 1), ("weights", -1)):
        for edit, unit, slope in (("AD vs CN", "per log-odds", 0.0005), ("age", "per year", 0.0002)):
            key = {"edit": edit, "along": along}
            row = key | {"measure": "ventricles_share", "unit": unit, "smallest_step": sign * 0.01}
            rows.append(row | {"value": sign * slope, "low": sign * slope / 2, "high": sign * slope * 2} | changes)
            rows.append(key | {"measure": IDENTITY, "unit": "ratio", "value": 0.5, "low": 0.4, "high": 0.6})
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def judged(counterfactual: pd.DataFrame) -> pd.DataFrame:
    table = TruthTable(BootstrapConfig(draws=100, confidence=0.95), 3)
    add_edits(table, counterfactual)
    return pd.DataFrame(table.rows)


def test_the_default_direction_meets_what_is_expected():
    table = judged(edits())
    assert len(table) == 6
    assert table["met"].all()
    slope = table[table["property"] == "ventricles_share per log-odds, scans edited: AD vs CN"].iloc[0]
    assert [slope["value"], slope["low"], slope["high"]] == [0.0005, 0.00025, 0.001]


@pytest.mark.parametrize(
    "changes, failing",
    [({"low": -0.0001}, "ventricles_share per"), ({"smallest_step": 0.0}, "ventricles_share, smallest step")],
)
def test_an_edit_that_changes_nothing_fails(changes, failing):
    table = judged(edits(**changes))
    concerned = table["property"].str.startswith(failing)
    assert concerned.sum() == 2
    assert not table["met"][concerned].any() and table["met"][~concerned].all()


def test_an_edit_that_makes_somebody_else_fails():
    counterfactual = edits()
    counterfactual.loc[counterfactual["measure"] == IDENTITY, "high"] = 1.1
    table = judged(counterfactual)
    assert not table.loc[table["property"].str.startswith(IDENTITY), "met"].any()


def test_a_cohort_without_a_probe_or_a_second_visit_has_fewer_rows():
    counterfactual = edits()
    counterfactual.loc[counterfactual["measure"] == IDENTITY, ["value", "low", "high"]] = float("nan")
    table = judged(counterfactual[counterfactual["edit"] == "age"])
    assert len(table) == 2 and table["property"].str.contains("age").all()
