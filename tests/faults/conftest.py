"""Injected faults are recorded, and with ``--write-faults FILE`` the document of all of them is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.document import Fault, write_document
from tests.faults.undisturbed import planted_workflow
from tests.unit.tiny_cohort import TinyCohort

FAULTS = pytest.StashKey[list[Fault]]()


def pytest_addoption(parser):
    parser.addoption("--write-faults", type=Path, help="where to write the table of the faults that were injected")


def pytest_configure(config):
    config.stash[FAULTS] = []


def pytest_sessionfinish(session, exitstatus):
    target = session.config.getoption("--write-faults")
    if target and exitstatus == pytest.ExitCode.OK:
        write_document(target, session.config.stash[FAULTS])


@pytest.fixture
def record_fault(request) -> Callable[[Fault], None]:
    """Keeps what became of a fault for the document."""
    return request.config.stash[FAULTS].append


@pytest.fixture
def cohort(tmp_path) -> TinyCohort:
    return TinyCohort(tmp_path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The tiny workflow on a planted download, run to its end where there is no home folder."""
    folder = tmp_path_factory.mktemp("undisturbed")
    workflow = planted_workflow(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", "/proc/none")
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        workflow.run("--cores", "2")
    return workflow
