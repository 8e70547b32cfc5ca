"""docs/faults.md lists exactly the faults that the tests inject."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import (
    test_bids_images,
    test_damaged_models,
    test_damaged_scans,
    test_dicom_series,
    test_killed_workflow,
    test_no_home,
    test_processes,
    test_random_kills,
    test_tables_and_disks,
)
from tests.faults.document import listed_faults

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
QUICK = {
    "input": [*test_bids_images.FAULTS, *test_bids_images.SIDECARS, *test_dicom_series.ODD],
    "compute": [*test_damaged_models.FAULTS, *test_damaged_scans.FAULTS, *test_tables_and_disks.FAULTS],
    "process": test_processes.FAULTS,
}
OF_WHOLE_RUNS = {*test_killed_workflow.FAULTS, *test_no_home.FAULTS, *test_random_kills.FAULTS}
LEAST = {"input": 20, "compute": 12, "process": 8}


def test_the_document_lists_exactly_the_faults_that_are_injected(pytestconfig):
    """Those of whole runs as far as the run that wrote it had them."""
    if pytestconfig.getoption("--write-faults"):
        pytest.skip("this run writes it")
    listed = listed_faults(DOCUMENT)
    quick = {kind: sorted(name for name in names if name not in OF_WHOLE_RUNS) for kind, names in listed.items()}
    assert quick == {kind: sorted(names) for kind, names in QUICK.items()}


def test_there_are_enough_of_each_kind():
    assert all(len(set(QUICK[kind])) == len(QUICK[kind]) >= least for kind, least in LEAST.items())
