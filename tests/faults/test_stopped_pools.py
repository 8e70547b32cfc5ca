"""A pool that is stopped ends in seconds, with all programs that its processes run, and leaves no scratch."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ITEMS, WORKERS = 4, 2
SCRIPT = """
import sys, tempfile
from pathlib import Path
from ldae.pool import finish_items
from ldae.subprocesses import run_program

CHILD = "import subprocess, sys; p = subprocess.Popen(['sleep', '300']); "
CHILD += "open(sys.argv[1], 'w').write(str(p.pid)); p.wait()"

def work(folder):
    with tempfile.TemporaryDirectory(dir=folder, prefix="scratch-"):
        run_program([sys.executable, "-c", CHILD, f"{folder}/pid"], 300)

if __name__ == "__main__":
    folders = sys.argv[1:]
    list(finish_items(work, folders, workers=%d, timeout_s=300, label="test", name=str))
    print("done")
"""


def is_gone(pid: int) -> bool:
    """Whether a process has ended, if nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_for(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return met


@pytest.mark.parametrize("number, code", [(signal.SIGINT, -2), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_it_ends_in_seconds_with_all_that_it_started(tmp_path, number, code):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT % WORKERS)
    folders = [tmp_path / str(item) for item in range(ITEMS)]
    for folder in folders:
        folder.mkdir()
    process = subprocess.Popen([sys.executable, script, *folders], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    written = [folder / "pid" for folder in folders[:WORKERS]]
    assert wait_for(lambda: all(path.is_file() and path.read_text() for path in written), 60)
    start = time.monotonic()
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert (process.returncode, out) == (code, b"")
    pids = [int(path.read_text()) for path in written]
    assert wait_for(lambda: all(map(is_gone, pids)), 10)
    assert wait_for(lambda: not list(tmp_path.rglob("scratch-*")), 10)
    assert not (folders[-1] / "pid").exists()
