"""Send SIGKILL and SIGTERM to whatever a run has started, at random moments, until it is done all the same."""

from __future__ import annotations

import random
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.workflow.conftest import Workflow

MARK = "LDAE_FAULTS_RUN"  # in the environment of all that a run starts, also of what its parent has left behind
MAX_FAILURES = 5  # in a row without any signal between them: an orphan may hold its lock for a while
CALM_S = 30.0
TICK_S = 0.5


@dataclass
class Siege:
    """A workflow and what is done to it.

    Attributes
    ----------
    kills : int
        Signals to send.
    mean_s : float
        Mean time between two of them, of that during which jobs run; it is drawn from an exponential distribution.
    scratch : path
        TMPDIR of the run.
    sent : list of str
        The signals, each with the command that got it.
    printed : str
        All that the starts of Snakemake printed.
    """

    workflow: Workflow
    seed: int
    kills: int
    mean_s: float
    scratch: Path
    sent: list[str] = field(default_factory=list)
    printed: str = ""
    starts: int = 0

    def __post_init__(self) -> None:
        self.random, self.mark = random.Random(self.seed), uuid.uuid4().hex
        self.wait_s = self.random.expovariate(1 / self.mean_s)

    def run(self) -> None:
        """Start the workflow again and again, as the README says, until it succeeds; wait for what is left then."""
        failures = 0
        while True:
            before = len(self.sent)
            code = self._start("--cores", "2")
            if code == 0:
                break
            failures = failures + 1 if len(self.sent) == before else 0
            assert failures <= MAX_FAILURES, self.printed[-8000:]
            if failures:
                time.sleep(CALM_S)
            if "cannot be locked" in self.printed[-4000:]:
                assert self._start("--unlock") == 0
        self._wait_for_orphans()

    def _start(self, *arguments: str) -> int:
        """Exit code of one start, and signals while it runs."""
        self.starts += 1
        log = self.scratch.parent / f"start-{self.starts:03d}.txt"
        with log.open("w") as out:
            process = self.workflow.start(
                *arguments, stdout=out, environment={MARK: self.mark, "TMPDIR": str(self.scratch)}
            )
            while process.poll() is None:
                time.sleep(TICK_S)
                if len(self.sent) < self.kills:
                    self._besiege()
        self.printed += log.read_text(encoding="utf-8")
        return process.returncode

    def _besiege(self) -> None:
        """Let the time pass that jobs run, and send one signal to one process when it is due."""
        running = sorted(self._processes(), key=lambda process: process.pid)
        if len(running) > 1:
            self.wait_s -= TICK_S
        if not running or self.wait_s > 0:
            return
        self.wait_s = self.random.expovariate(1 / self.mean_s)
        victim = self.random.choice(running)
        number = self.random.choice([signal.SIGKILL, signal.SIGTERM])
        with suppress(psutil.NoSuchProcess):
            command = " ".join(victim.cmdline())
            victim.send_signal(number)
            self.sent.append(f"{number.name} to {command}")

    def _processes(self) -> Iterator[psutil.Process]:
        """All that this run has started and that still runs."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    yield process

    def _wait_for_orphans(self, most_s: float = 900) -> None:
        """Whatever a killed process has left behind ends by itself."""
        _, left = psutil.wait_procs(list(self._processes()), timeout=most_s)
        commands = [process.cmdline() for process in left]
        for process in left:
            process.kill()
        assert not commands
