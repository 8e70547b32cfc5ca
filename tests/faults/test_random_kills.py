"""Any process of a run, killed at any moment: the same command ends with the same tables, and nothing private leaks.

`LDAE_FAULTS_SEEDS` is the number of runs, `LDAE_FAULTS_KILLS` that of the signals in each.
"""

from __future__ import annotations

import os

import pytest

from tests.faults.document import Fault
from tests.faults.killing import Siege
from tests.faults.undisturbed import differing_tables, in_another_place, leaks
from tests.workflow.test_privacy import secrets_in

SEEDS = range(int(os.environ.get("LDAE_FAULTS_SEEDS", "3")))
KILLS = int(os.environ.get("LDAE_FAULTS_KILLS", "15"))
MEAN_S = 40.0
NAME = "SIGKILL and SIGTERM of any process at any moment"
FAULTS = [NAME]


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_is_killed_at_random_ends_with_the_same_tables(undisturbed, tmp_path, seed, record_fault):
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    workflow = in_another_place(undisturbed, tmp_path)
    siege = Siege(workflow, seed, KILLS, MEAN_S, scratch)
    siege.run()
    assert siege.sent, "the run was over before the first signal"
    assert differing_tables(undisturbed.directory, workflow.directory) == []
    assert leaks(workflow.directory, scratch) == {} and secrets_in(siege.printed.encode()) == []
    names = "\n".join(str(path) for folder in (workflow.directory, scratch) for path in folder.rglob("*"))
    assert secrets_in(names.encode()) == []
    if seed == SEEDS[0]:
        where = f"the tiny workflow, seed {', '.join(map(str, SEEDS))}"
        outcome = "the same command ends with the same tables, and no private text is left"
        record_fault(Fault("process", NAME, where, outcome, "Snakemake's own words"))
