"""Tests send Ctrl-C, to which a shell makes processes in the background deaf."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Hear it here and in every process that a test starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
