"""SIGTERM as an exception, so that what is under way tidies up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(SystemExit):
    """The process was told to end."""


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Raise `Stopped`, exit code 143, where SIGTERM comes in the body; signals reach the first thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(128 + number)
