"""What the tests' processes need from their start on."""

from __future__ import annotations

import os
import signal

from ldae.job_environment import LIBGOMP_WAITS_BRIEFLY

os.environ.update(LIBGOMP_WAITS_BRIEFLY)  # before other conftests import PyTorch


def pytest_configure() -> None:
    """Hear Ctrl-C, which tests send, also in the background, where a shell makes processes deaf."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
