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


def lacks_room(printed: str) -> bool:
    """Whether a program says, in Python's words, that the machine lacked memory, disk space or open files.

    Examples
    --------
    >>> lacks_room("OSError: [Errno 28] No space left on device: '/tmp/x'"), lacks_room("ValueError: no image")
    (True, False)
    """
    return re.search(NO_ROOM, printed) is not None


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
