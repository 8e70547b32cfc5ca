import pytest

from ldae.pool import Outcome


@pytest.fixture
def in_process(monkeypatch):
    """Spare the start of a process pool."""
    monkeypatch.setattr(
        "ldae.cohort.adni.conversion.run_items",
        lambda function, items, **_: (Outcome(item, function(item)) for item in items),
    )
