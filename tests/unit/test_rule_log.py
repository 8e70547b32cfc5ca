"""Where the output of a rule's script goes, of one process or of several that share a training."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow_scripts"
SCRIPT = """
import logging
import _rule
with _rule.rule_log("rule.log"):
    logging.getLogger("ldae.training").info("process {0} trains")
    logging.getLogger("ldae.training").error("process {0} fails")
    print("process {0} prints")
"""


PRIVATE = """
import logging, warnings
import _rule
with _rule.rule_log("rule.log", private=True):
    warnings.warn("warned Roe^Jane")
    logging.getLogger("pandas").warning("logged %s", "Roe^Jane")
    try:
        int("Roe^Jane")
    except ValueError as error:
        raise KeyError("Roe^Jane") from error
"""


def test_of_a_script_that_reads_files_of_people_only_kinds_are_told(tmp_path):
    done = start(tmp_path, PRIVATE)
    assert done.returncode == 1
    log = (tmp_path / "rule.log").read_text(encoding="utf-8")
    assert "Roe" not in log + done.stdout + done.stderr.replace(PRIVATE, "")
    for said in ("UserWarning of", "a message of pandas", "unexpected error: KeyError; it came from ValueError"):
        assert said in log
    assert "unexpected error: KeyError" in done.stderr and "rule.log" in done.stderr


def test_of_other_scripts_the_error_is_told_with_its_words(tmp_path):
    assert start(tmp_path, PRIVATE.replace(", private=True", "")).returncode == 1
    assert "KeyError: 'Roe^Jane'" in (tmp_path / "rule.log").read_text(encoding="utf-8")


def test_every_script_that_reads_what_people_gave_is_private():
    reads = re.compile(r"(?m)^from ldae\.(cohort\.(?!scans |dataset |strata )|preprocessing\.(?!qc_table ))")
    scripts = {script.name: script.read_text(encoding="utf-8") for script in sorted(SCRIPTS.glob("[a-z]*.py"))}
    private = {name for name, text in scripts.items() if "private=True" in text}
    assert private == {name for name, text in scripts.items() if reads.search(text)}


def run(folder: Path, process: str, **environment: str) -> str:
    """What the script shows on the terminal."""
    done = start(folder, SCRIPT.format(process), **environment)
    assert done.returncode == 0, done.stderr
    return done.stderr


def start(folder: Path, script: str, **environment: str) -> subprocess.CompletedProcess:
    """A script, run beside those of the rules."""
    told = {name: value for name, value in os.environ.items() if name != "LOCAL_RANK"} | {"PYTHONPATH": str(SCRIPTS)}
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=folder, env=told | environment, capture_output=True, text=True)


def test_the_other_processes_of_a_training_add_their_errors_to_the_log_of_the_first(tmp_path):
    run(tmp_path, "old")
    shown = run(tmp_path, "one", LOCAL_RANK="0") + run(tmp_path, "two", LOCAL_RANK="1")
    assert shown.splitlines() == ["process one trains", "process one fails"]
    log = (tmp_path / "rule.log").read_text(encoding="utf-8")
    for said in ("process one trains", "process one fails", "process one prints", "process two fails"):
        assert log.count(said) == 1
    assert "process two trains" not in log
    assert log.index("process old fails") < log.index("process one trains")
    assert log.count("---") == 2


def test_the_logs_of_attempts_that_fail_or_are_killed_stay_until_the_rule_has_succeeded(tmp_path):
    ends = ("import os; os.kill(os.getpid(), 9)", "raise SystemExit(143)", "raise ValueError", "", "")
    for number, end in enumerate(ends):
        (tmp_path / "rule.log").unlink(missing_ok=True)  # as Snakemake does
        start(tmp_path, SCRIPT.format(number) + f"    {end}\n")
        log = (tmp_path / "rule.log").read_text(encoding="utf-8")
        told = [each for each in range(len(ends)) if f"process {each} fails" in log]
        assert told == ([4] if number == 4 else list(range(number + 1)))
    assert [path.name for path in tmp_path.iterdir()] == ["rule.log"]


def test_a_file_system_without_hard_links_costs_the_earlier_log_alone(tmp_path):
    lacking = "import errno, os\ndef link(*_): raise OSError(errno.EPERM, 'Operation not permitted')\nos.link = link\n"
    assert start(tmp_path, lacking + SCRIPT.format("one")).returncode == 0
    log = (tmp_path / "rule.log").read_text(encoding="utf-8")
    assert "will not outlast a failure" in log and "process one prints" in log
