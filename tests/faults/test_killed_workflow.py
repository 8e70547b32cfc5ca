"""Each of these processes of one run is killed once, at work; the same command ends with the same tables."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.faults.document import Fault
from tests.faults.killing import Siege
from tests.faults.undisturbed import differing_tables, in_another_place, leaks


@dataclass(frozen=True)
class Strike:
    """A signal for a process while a script of the workflow runs: the script, a worker of it, or Snakemake.

    `after`: what the script's log has to say before; else it has to run for `AT_WORK_S`.
    """

    script: str
    number: signal.Signals
    victim: str = "script"
    after: str = ""


STEPS = "steps done"
STRIKES = {
    "SIGKILL of a conversion": Strike("convert.py", signal.SIGKILL),
    "SIGKILL of a conversion's worker": Strike("convert.py", signal.SIGKILL, "worker"),
    "SIGKILL of Snakemake while subjects are converted": Strike("convert.py", signal.SIGKILL, "snakemake"),
    "SIGKILL of a preprocessing worker": Strike("preprocess.py", signal.SIGKILL, "worker"),
    "SIGKILL of Snakemake while scans are preprocessed": Strike("preprocess.py", signal.SIGKILL, "snakemake"),
    "SIGKILL of a training": Strike("autoencoder.py", signal.SIGKILL, after=STEPS),
    "SIGTERM of a training": Strike("ldm.py", signal.SIGTERM, after=STEPS),
    "SIGTERM of Snakemake while a network trains": Strike("representation.py", signal.SIGTERM, "snakemake", STEPS),
    "SIGKILL of a measurement": Strike("measure_reconstruction.py", signal.SIGKILL),
}
TWO = "two Snakemakes at once"
FAULTS = [*STRIKES, TWO]
AT_WORK_S = 6.0


@dataclass
class Script(Siege):
    """Sends each of `STRIKES` once, as soon as its script is at work, and once starts a second Snakemake."""

    done: set[str] = field(default_factory=set)
    refusal: str = ""

    def _besiege(self) -> None:
        running = list(self._processes())
        for name, strike in STRIKES.items():
            victim = None if name in self.done else find_victim(strike, running, self.workflow.directory)
            if victim is not None:
                self.done.add(name)
                with suppress(psutil.NoSuchProcess):
                    victim.send_signal(strike.number)
                    self.sent.append(name)
                return
        if not self.refusal and any(map(is_snakemake, running)) and any(map(is_script, running)):
            self.refusal = self.workflow.run("--cores", "1", check=False)


def find_victim(strike: Strike, running: list[psutil.Process], directory: Path) -> psutil.Process | None:
    """The process that a strike is meant for, if its script is at work."""
    with suppress(psutil.Error):
        for process in running:
            if not words(process)[-1].endswith(f".{strike.script}"):
                continue
            log = directory / "results" / "logs" / strike.script.replace(".py", ".log")
            if strike.after and not (log.is_file() and strike.after in log.read_text(encoding="utf-8")):
                continue
            if time.time() - process.create_time() < AT_WORK_S:
                continue
            if strike.victim == "script":
                return process
            if strike.victim == "snakemake":
                return next((other for other in running if is_snakemake(other)), None)
            return next((child for child in process.children() if "spawn_main" in " ".join(words(child))), None)
    return None


def is_snakemake(process: psutil.Process) -> bool:
    """Whether this is Snakemake itself and no script of it."""
    return words(process)[1:3] == ["-m", "snakemake"]


def is_script(process: psutil.Process) -> bool:
    """Whether this is a script of the workflow."""
    return ".snakemake/scripts/" in words(process)[-1]


def words(process: psutil.Process) -> list[str]:
    """The command line; empty words for a process that is no more."""
    with suppress(psutil.Error):
        return process.cmdline() or ["", "", ""]
    return ["", "", ""]


@pytest.fixture(scope="module")
def besieged(undisturbed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("besieged")
    (folder / "tmp").mkdir()
    siege = Script(in_another_place(undisturbed, folder), 0, len(STRIKES), 1.0, folder / "tmp")
    siege.run()
    return siege


@pytest.mark.slow
@pytest.mark.timeout(2 * 3600)
@pytest.mark.parametrize("fault", STRIKES)
def test_the_same_command_ends_with_the_same_tables(besieged, undisturbed, record_fault, fault):
    assert fault in besieged.sent
    assert differing_tables(undisturbed.directory, besieged.workflow.directory) == []
    assert leaks(besieged.workflow.directory, besieged.scratch) == {}
    where = f"{STRIKES[fault].script.removesuffix('.py')} of the tiny workflow"
    record_fault(Fault("process", fault, where, "the same command ends with the same tables", "Snakemake's own words"))


@pytest.mark.slow
@pytest.mark.timeout(2 * 3600)
def test_a_training_that_is_asked_to_end_says_that_it_goes_on(besieged):
    said = besieged.workflow.read("results/logs/ldm.log")
    assert "stopped by SIGTERM; its state is saved, and the same command goes on after step" in said
    assert "ldm: the training continues after step" in said


@pytest.mark.slow
@pytest.mark.timeout(2 * 3600)
def test_a_second_snakemake_is_kept_out(besieged, record_fault):
    assert "cannot be locked" in besieged.refusal
    said = next(line for line in besieged.refusal.splitlines() if "cannot be locked" in line)
    record_fault(Fault("process", TWO, "the working directory of the tiny workflow", "the second one ends", said))
