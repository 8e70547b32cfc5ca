"""Write the conda environment from the lock; given a `pip freeze`, write the lock first.

The lock is the only source of versions. Snakemake copies an environment's YAML elsewhere before it creates it, so
the pins stand in it literally instead of as a reference to the lock.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
ENVIRONMENT = ROOT / "envs" / "ldae.yaml"
LOCK_HEADER = """\
# Exact pins of the one environment, written by `make lock` from pyproject.toml. CUDA libraries are left to pip:
# torch and xgboost choose them by platform.
"""
ENVIRONMENT_HEADER = """\
# Written from requirements.lock by envs/generate.py (`make envs`); edits here are lost.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def lock_from_freeze(freeze: str) -> str:
    """Keep `name==version` lines, without local suffixes (`+cpu`) and platform packages (CUDA)."""
    pins = [re.sub(r"\+\w+$", "", line.strip()) for line in freeze.splitlines()]
    kept = [pin for pin in pins if pin and not re.match(r"#|nvidia-|cuda-|triton", pin)]
    return LOCK_HEADER + "\n".join(sorted(kept, key=str.lower)) + "\n"


def environment_from_lock(lock: str) -> str:
    """The conda environment as YAML, with the lock's pins inline."""
    pins = [line for line in lock.splitlines() if line and not line.startswith("#")]
    return ENVIRONMENT_HEADER + "".join(f"      - {pin}\n" for pin in pins)


def main() -> None:
    if len(sys.argv) > 1:
        LOCK.write_text(lock_from_freeze(Path(sys.argv[1]).read_text(encoding="utf-8")), encoding="utf-8")
    ENVIRONMENT.write_text(environment_from_lock(LOCK.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
