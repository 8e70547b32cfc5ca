"""Programs of others: whatever ends them ends the programs that they have started as well."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ldae.signals import stopped_by_sigterm

SET_PARENT_DEATH_SIGNAL = 1  # from Linux's sys/prctl.h


NO_ROOM = "No space left on device|Disk quota exceeded|Cannot allocate memory|MemoryError|Too many open files"


def find_trouble(printed: str) -> str:
    """What a program says that the machine lacked (memory, disk space, open files), in Python's words; else nothing.

    Examples
    --------
    >>> find_trouble("OSError: [Errno 28] No space left on device: '/tmp/x'"), find_trouble("ValueError: no image")
    ('No space left on device', '')
    """
    found = re.search(NO_ROOM, printed)
    return found[0] if found else ""


def run_program(command: Sequence[str | Path], timeout_s: float, **options: Any) -> subprocess.CompletedProcess:
    """As `subprocess.run` without `check`, in a session of its own, which ends with the program and with this process.

    Raises
    ------
    subprocess.TimeoutExpired
        It took longer; nothing that it started is left.
    """
    if options.pop("capture_output", False):
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, preexec_fn=_end_with_parent, **options) as process:
        try:
            with stopped_by_sigterm():
                printed, complained = process.communicate(timeout=timeout_s)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, printed, complained)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
