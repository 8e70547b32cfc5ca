"""Folders for raw copies while they are worked on: outside the results, and removed with their process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder of this process below TMPDIR, which nobody else may read.

    What a killed process left is removed by the next that asks for one, or by `remove_abandoned`.
    """
    remove_abandoned()
    with FileLock(_home() / LOCK):
        folder = Path(tempfile.mkdtemp(dir=_home()))
        lock = FileLock(_lock_of(folder))
        lock.acquire()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with FileLock(_home() / LOCK):
            lock.release()
            _lock_of(folder).unlink(missing_ok=True)


def remove_abandoned() -> None:
    """Remove the folders of processes that are no more."""
    with FileLock(_home() / LOCK):
        for folder in (entry for entry in _home().iterdir() if entry.is_dir()):
            lock = FileLock(_lock_of(folder), timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
            _lock_of(folder).unlink(missing_ok=True)


def _home() -> Path:
    home = Path(tempfile.gettempdir(), f"ldae-{os.getuid()}")
    home.mkdir(mode=0o700, exist_ok=True)
    return home


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{LOCK}")
