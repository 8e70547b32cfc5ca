"""A tiny cohort of ten subjects."""

from __future__ import annotations

import pytest

from tests.unit.tiny_cohort import TinyCohort


@pytest.fixture
def cohort(tmp_path) -> TinyCohort:
    return TinyCohort(tmp_path)
