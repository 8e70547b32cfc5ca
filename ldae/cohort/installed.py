"""Where Clinica and dcm2niix are, and the environment in which they run."""

from __future__ import annotations

import builtins
import os
import re
import shutil
import sys
from pathlib import Path

from ldae.errors import UserError

LIBRARIES = "clinica|pandas|numpy|nibabel|nipype|pydicom|openpyxl"  # whose exceptions a converter's output may name
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
    """Environment variables for Clinica: one thread, dcm2niix on PATH, its log and temporary files in `log_dir`."""
    beside = [str(find_program(name).parent) for name in ("clinica", "dcm2niix")]
    return (
        os.environ
        | dict.fromkeys(THREAD_VARIABLES, "1")
        | {
            "PATH": os.pathsep.join([*beside, os.environ.get("PATH", "")]),
            "CLINICA_LOGGING_DIR": str(log_dir),
            "TMPDIR": str(log_dir),
        }
    )


def kinds_said(output: str) -> str:
    r"""What may be told of what a converter printed: which exceptions it ended with, and where in its own code.

    Examples
    --------
    >>> kinds_said('File "/x/clinica/utils/io.py", line 7, in read\nKeyError: "Roe^Jane"')
    'KeyError, at clinica/utils/io.py:7'
    >>> kinds_said("Roe^Jane has no scan")
    'no known exception'
    """
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)  # colours
    named = re.findall(rf"(?m)^[\s│]*((?:(?:{LIBRARIES})\.[\w.]+\.)?)(\w+)(?::|[\s│]*$)", plain)
    kinds = [name for package, name in named if package or _is_exception(name)]
    places = re.findall(r"/((?:clinica)/[\w/]+\.py)\W+(?:line )?(\d+)", plain)
    told = [*dict.fromkeys(kinds[-2:])] or ["no known exception"]
    return ", ".join(told + [f"at {module}:{line}" for module, line in places[-1:]])


def _is_exception(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)
