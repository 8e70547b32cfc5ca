"""The split of a handful of subjects."""

import pytest

from ldae.data.split import split_subjects
from tests.unit.data.test_split import CONFIG, SEED, cohort


@pytest.mark.parametrize("counts", [{"CN": 1, "MCI": 1, "AD": 1}, {"CN": 1, "AD": 2}, {"": 3}, {"CN": 2, "AD": 2}])
@pytest.mark.parametrize("fractions", [(0.15, 0.35), (0.25, 0.25), (0.1, 0.1), (0.01, 0.05)])
def test_three_subjects_are_enough_for_all_sides(counts, fractions):
    config = CONFIG.model_copy(update=dict(zip(("validation_fraction", "test_fraction"), fractions, strict=True)))
    assert set(split_subjects(cohort(**counts), config, seed=SEED).values()) == {"train", "validation", "test"}
