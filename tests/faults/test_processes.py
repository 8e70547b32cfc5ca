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
    elif trouble == "SIGTERM":
        os.kill(os.getpid(), signal.SIGTERM)
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
    "SIGTERM of a worker": "SIGTERM",
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


CTRL_C = "Ctrl-C in a shard"
SHARD = """
import time
from pathlib import Path
from ldae.pool import finish_items
def work(item):
    Path(str(item)).touch()
    time.sleep(300)
if __name__ == "__main__":
    list(finish_items(work, [1, 2, 3], workers=2, timeout_s=600, label="shard", name=str))
"""


def test_ctrl_c_ends_a_shard_and_its_workers(tmp_path, record_fault):
    (tmp_path / "shard.py").write_text(SHARD)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    shard = subprocess.Popen(
        [sys.executable, "shard.py"], cwd=tmp_path, env=environment, start_new_session=True, stderr=subprocess.PIPE
    )
    while not ((tmp_path / "1").exists() and (tmp_path / "2").exists()):
        assert shard.poll() is None
        time.sleep(0.1)
    workers = psutil.Process(shard.pid).children(recursive=True)
    start = time.monotonic()
    os.killpg(shard.pid, signal.SIGINT)
    assert shard.wait(60) != 0
    assert time.monotonic() - start < 30
    assert all(ends(worker.pid) for worker in workers) and not (tmp_path / "3").exists()
    record_fault(Fault("process", CTRL_C, "a shard with two workers", "ends in seconds, leaves no worker", "nothing"))


def ends(pid: int) -> bool:
    """Whether a process is gone within seconds."""
    for _ in range(200):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


FAULTS = [*WORKERS, SECOND, CHILDREN, CTRL_C]
