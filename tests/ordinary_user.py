"""Code that runs as somebody to whom files can be closed: root reads everything."""

from __future__ import annotations

import os
import subprocess
import sys

WITHOUT_ROOTS_RIGHTS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def run_as_ordinary_user(code: str, *arguments: object) -> str:
    """What some code prints to its standard output; its `sys.argv[1:]` are the arguments."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    if os.geteuid() == 0:
        command = [*WITHOUT_ROOTS_RIGHTS, *command]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
