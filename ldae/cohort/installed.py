"""Where Clinica and dcm2niix are, and the environment in which they run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ldae.errors import UserError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def find_program(name: str) -> Path:
    """Path of a program beside the running Python, else on PATH.

    Raises
    ------
    UserError
        It is in neither place.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise UserError(name, f"the program {name} beside Python or on PATH", "none", "install the locked environment")
    return Path(found)


def clinica_environment(log_dir: Path) -> dict[str, str]:
    """Environment variables for Clinica: one thread, dcm2niix on PATH, its own log files in `log_dir`."""
    beside = [str(find_program(name).parent) for name in ("clinica", "dcm2niix")]
    return (
        os.environ
        | dict.fromkeys(THREAD_VARIABLES, "1")
        | {
            "PATH": os.pathsep.join([*beside, os.environ.get("PATH", "")]),
            "CLINICA_LOGGING_DIR": str(log_dir),
        }
    )
