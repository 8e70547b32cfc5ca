import pytest

from tests.in_process import finish_items


@pytest.fixture
def in_process(monkeypatch):
    """Spare the start of a process pool."""
    monkeypatch.setattr("ldae.cohort.adni.conversion.finish_items", finish_items)
