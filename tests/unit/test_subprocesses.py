"""Nothing that a program has started outlives it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from ldae.subprocesses import run_program

CHILD = "import subprocess, sys, time; p = subprocess.Popen(['sleep', '300']); print(p.pid, flush=True); "


def is_gone(pid: int) -> bool:
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def test_what_it_prints_and_how_it_ends_is_told():
    done = run_program([sys.executable, "-c", "print('out'); raise SystemExit(3)"], 60, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "out\n")
    killed = run_program([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], 60)
    assert killed.returncode == -9


@pytest.mark.parametrize("ends", ["time.sleep(300)", "sys.exit(0)"])
def test_its_children_end_with_it(tmp_path, ends):
    with (tmp_path / "out").open("w") as out:
        try:
            run_program([sys.executable, "-c", CHILD + ends], 3, stdout=out)
        except subprocess.TimeoutExpired:
            assert "sleep" in ends
    assert is_gone(int((tmp_path / "out").read_text()))


def test_it_ends_with_the_process_that_runs_it(tmp_path):
    pid = tmp_path / "pid"
    inner = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(300)"
    outer = (
        f"import sys; from ldae.subprocesses import run_program; run_program([sys.executable, '-c', {inner!r}], 300)"
    )
    process = subprocess.Popen([sys.executable, "-c", outer])
    while not pid.exists() or not pid.read_text():
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert is_gone(int(pid.read_text()))
