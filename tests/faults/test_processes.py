"""Workers and programs that are killed, hang, or need more than there is; two processes on one shard."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ldae.errors import Busy, UserErrors
from ldae.lock import one_at_a_time
from ldae.pool import finish_items
from ldae.program import run_program
from tests.faults.document import Fault
from tests.faults.outcomes import NAMED

ROOT = Path(__file__).resolve().parents[2]
AGAIN, POOL = "tried again, same result", "a worker of a shard"


def meet(trouble):
    """Meet a trouble in a worker."""
    if trouble == "SIGKILL":
        os.kill(os.getpid(), signal.SIGKILL)
    elif trouble == "crash":
        os._exit(3)
    elif trouble == "memory":
        resource.setrlimit(resource.RLIMIT_AS, (1 << 28, resource.RLIM_INFINITY))
        bytearray(1 << 32)
    elif trouble == "time":
        time.sleep(600)
    elif trouble == "disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        Path(os.environ["LDAE_FAULTS_OUT"]).write_bytes(bytes(1000))


def once(job):
    """Meet the trouble the first time."""
    trouble, mark = job
    if not mark.exists():
        mark.touch()
        meet(trouble)
    return 7


def always(job):
    """Meet the trouble every time; the item without one is done."""
    meet(job[0])
    return 7


WORKERS = {
    "SIGKILL of a worker": "SIGKILL",
    "a memory limit hit in a worker": "memory",
    "a worker that hangs": "time",
    "a full disk in a worker": "disk",
}


@pytest.mark.parametrize("fault", WORKERS)
def test_a_trouble_of_a_worker_passes_or_is_named(tmp_path, monkeypatch, record_fault, fault):
    monkeypatch.setenv("LDAE_FAULTS_OUT", str(tmp_path / "out"))
    options = {"workers": 2, "timeout_s": 4, "label": "preprocess 0", "name": lambda job: "scan 01"}
    job = (WORKERS[fault], tmp_path / "mark")
    assert [outcome.result for outcome in finish_items(once, [job], **options)] == [7]
    outcomes = finish_items(always, [job, ("", tmp_path)], **options)
    assert next(outcomes).result == 7
    with pytest.raises(UserErrors) as raised:
        next(outcomes)
    record_fault(Fault("process", fault, POOL, f"{AGAIN}; if it persists, {NAMED}", str(raised.value)))


CRASH = "a worker that crashes each time"


def test_a_crash_that_comes_again_is_its_items_own(tmp_path, record_fault):
    options = {"workers": 1, "timeout_s": 60, "label": "preprocess 0", "name": lambda job: "scan 01"}
    (outcome,) = finish_items(always, [("crash", tmp_path)], **options)
    assert "exit code 3" in outcome.error and not outcome.passing
    record_fault(Fault("process", CRASH, POOL, "the scan is set aside with its reason", outcome.error))


SECOND = "a second process on the same shard"


def test_a_second_process_on_a_shard_is_kept_out(tmp_path, record_fault):
    code = "import sys, time; from ldae.lock import one_at_a_time\n"
    code += "with one_at_a_time(sys.argv[1]): print(1, flush=True); time.sleep(300)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path / "0.csv")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline()
        with pytest.raises(Busy) as raised, one_at_a_time(tmp_path / "0.csv"):
            pass
        other.kill()
    with one_at_a_time(tmp_path / "0.csv"):
        pass
    record_fault(Fault("process", SECOND, "left over by a killed run", NAMED, str(raised.value)))


CHILDREN = "a program that hangs with children"


def test_a_program_that_hangs_ends_with_its_children(tmp_path, record_fault):
    pid = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        run_program(["bash", "-c", f"sleep 300 & echo $! > {pid}; wait"], 2)
    assert ends(int(pid.read_text()))
    record_fault(Fault("process", CHILDREN, "a program of others", "all of them are ended", "took longer than … s"))


OUTLIVED = "SIGKILL of the process that runs a program"


def test_a_program_ends_with_the_process_that_runs_it(tmp_path, record_fault):
    pid = tmp_path / "pid"
    code = f"from ldae.program import run_program; run_program(['bash', '-c', 'echo $$ > {pid}; exec sleep 300'], 300)"
    runner = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)})
    while not pid.exists() or not pid.read_text():
        assert runner.poll() is None
        time.sleep(0.1)
    runner.kill()
    runner.wait()
    assert ends(int(pid.read_text()))
    record_fault(Fault("process", OUTLIVED, "a worker that converts", "the program ends with it", "nothing"))


def ends(pid: int) -> bool:
    """Whether a process is gone within seconds."""
    for _ in range(200):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


FAULTS = [*WORKERS, CRASH, SECOND, CHILDREN, OUTLIVED]
