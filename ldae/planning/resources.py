"""What a job asks for, from the plan; after each failed attempt it asks for more."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path

from ldae.config.load import Config
from ldae.planning.measurements import Sides
from ldae.planning.plan import Work

START_MIN = 15
TIME, MEMORY = 3.0, 1.3  # times what is expected


def count_sides(table: str | Path) -> Sides:
    """The scans on each side of the split, in a table with the column split.

    Raises
    ------
    FileNotFoundError
        The split is not made yet.
    """
    with open(table, encoding="utf-8", newline="") as file:
        sides = Counter(row["split"] for row in csv.DictReader(file))
    return Sides(sides["train"], sides["validation"], sides["test"])


def memory_mb(expected: float, attempt: int) -> int:
    """Megabytes to ask for where a number of them is expected.

    Examples
    --------
    >>> memory_mb(1000, attempt=1), memory_mb(1000, attempt=2)
    (1300, 2600)
    """
    return math.ceil(MEMORY * expected) * attempt


def runtime_min(work: Work, config: Config, attempt: int) -> int:
    """Minutes to ask for: several times the expected ones, but no more than the cluster's longest job may take."""
    asked = (START_MIN + TIME * 60 * work.hours) * attempt
    return math.ceil(min(asked, 60 * config.plan.longest_job_h))


def jobs_of(work: Work, config: Config) -> int:
    """Jobs of the longest kind that a training takes, one after the other.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> jobs_of(SimpleNamespace(hours=100.0), SimpleNamespace(plan=SimpleNamespace(longest_job_h=48)))
    4
    """
    return math.ceil(1.5 * work.hours / config.plan.longest_job_h)
