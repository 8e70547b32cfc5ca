"""Which MCI is progressive, which stable, and of which nothing is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ldae.data.labels import join_labels, progression


def label(*visits, window=36):
    """Labels of one subject's visits (months, diagnosis), beside a second subject who is always ill."""
    rows = [("a", *visit) for visit in visits] + [("b", 0, "AD"), ("b", 24, "AD")]
    table = pd.DataFrame(rows, columns=["subject", "months", "diagnosis"])
    return progression(table, window).tolist()[: len(visits)]


@pytest.mark.parametrize(
    "visits, expected",
    [
        ([(0, "MCI"), (36, "AD")], ["pMCI", ""]),
        ([(0, "MCI"), (37, "AD")], ["sMCI", ""]),
        ([(0, "MCI"), (12, "MCI"), (48, "AD")], ["sMCI", "pMCI", ""]),
        ([(0, "MCI"), (36, "MCI")], ["sMCI", ""]),
        ([(0, "MCI"), (35, "MCI")], ["", ""]),
        ([(0, "MCI"), (40, "CN")], ["sMCI", ""]),
        ([(0, "MCI"), (40, "")], ["", ""]),
        ([(0, "AD"), (12, "MCI"), (60, "MCI")], ["", "", ""]),
        ([(0, "CN"), (12, "MCI"), (24, "AD")], ["", "pMCI", ""]),
        ([(np.nan, "MCI"), (12, "AD")], ["", ""]),
        ([(24, "AD"), (0, "MCI")], ["", "pMCI"]),
        ([(0, "MCI")], [""]),
    ],
)
def test_the_definition(visits, expected):
    assert label(*visits) == expected


def test_the_window_is_the_settings():
    assert label((0, "MCI"), (18, "AD"), window=12) == ["sMCI", ""]
    assert label((0, "MCI"), (18, "AD"), window=18) == ["pMCI", ""]


def test_it_is_joined_like_the_other_labels():
    dataset = pd.DataFrame({"subject": ["a", "b"], "session": "M000", "split": "test", "diagnosis": "MCI"})
    dataset = dataset.assign(sex="F", age=70.0, months=0, progression=["pMCI", "sMCI"])
    scans = dataset.loc[[1, 0], ["subject", "session", "split"]].reset_index(drop=True)
    assert join_labels(scans, dataset)["progression"].tolist() == ["sMCI", "pMCI"]
