"""Where the output of a rule's script goes, of one process or of several that share a training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import logging
import _rule
with _rule.rule_log("rule.log"):
    logging.getLogger("ldae.training").info("process {0} trains")
    logging.getLogger("ldae.training").error("process {0} fails")
    print("process {0} prints")
"""


def run(folder: Path, process: str, **environment: str) -> str:
    """What the script shows on the terminal."""
    scripts = str(Path(__file__).resolve().parents[2] / "workflow_scripts")
    command = [sys.executable, "-c", SCRIPT.format(process)]
    told = {name: value for name, value in os.environ.items() if name != "LOCAL_RANK"} | {"PYTHONPATH": scripts}
    done = subprocess.run(command, cwd=folder, env=told | environment, capture_output=True, text=True, check=True)
    return done.stderr


def test_the_other_processes_of_a_training_add_their_errors_to_the_log_of_the_first(tmp_path):
    run(tmp_path, "old")
    shown = run(tmp_path, "one", LOCAL_RANK="0") + run(tmp_path, "two", LOCAL_RANK="1")
    assert shown.splitlines() == ["process one trains", "process one fails"]
    log = (tmp_path / "rule.log").read_text(encoding="utf-8")
    for said in ("process one trains", "process one fails", "process one prints", "process two fails"):
        assert log.count(said) == 1
    assert "process two trains" not in log
    assert log.index("process old fails") < log.index("process one trains"), "an earlier attempt's log stays"
    assert log.count("---") == 2
