"""A user without a home folder, as on some clusters' nodes: the `undisturbed` run had none."""

from __future__ import annotations

import pytest

from tests.faults.document import Fault

NAME = "a home folder that does not exist"
FAULTS = [NAME]


@pytest.mark.slow
@pytest.mark.timeout(2 * 3600)
def test_a_run_needs_no_home_folder(undisturbed, record_fault):
    tables = {path.stem for path in (undisturbed.directory / "results" / "tables").glob("*.csv")}
    assert {"downstream", "reconstruction", "counterfactual"} <= tables
    said = "a traceback of Snakemake where XDG_CACHE_HOME is not set either"
    record_fault(Fault("process", NAME, "the tiny workflow", "it runs where XDG_CACHE_HOME is set", said))
