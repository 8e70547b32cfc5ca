"""Folders for raw copies: private, gone with their process however it ends, never another's."""

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from ldae.scratch import remove_abandoned, scratch_folder

HOLD = """
import sys, time
from ldae.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "Roe^Jane.nii").touch()
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def tmpdir_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def holder():
    """Another process that holds a folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def files(folder):
    return [path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_folder_is_gone_after_use_and_after_an_error(tmp_path):
    with scratch_folder() as first, scratch_folder() as second:
        (first / "a").touch(), (second / "b").touch()
        assert tmp_path in first.parents and first.parent.stat().st_mode & 0o077 == 0
    with pytest.raises(ZeroDivisionError), scratch_folder() as folder:
        (folder / "c").write_text(str(1 / 0))
    assert files(tmp_path) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_not(tmp_path, holder):
    folder = holder.stdout.readline().strip()
    remove_abandoned()
    assert os.listdir(folder) == ["Roe^Jane.nii"]
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert os.listdir(folder) == ["Roe^Jane.nii"]
    remove_abandoned()
    assert files(tmp_path) == []
