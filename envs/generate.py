"""Write the locks from what pip resolved, and the conda environment from the users' lock.

The locks are the only source of versions. Snakemake copies an environment's YAML elsewhere before it creates it, so
the pins stand in it literally instead of as a reference to the lock.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
TEST_LOCK = ROOT / "requirements-test.lock"
ENVIRONMENT = ROOT / "envs" / "ldae.yaml"
LOCK_HEADER = """\
# Exact pins of the one environment, written by `make lock` from pyproject.toml. CUDA libraries are left to pip:
# torch and xgboost choose them by platform.
"""
TEST_LOCK_HEADER = """\
# What the tests need beside requirements.lock, written by `make lock` from pyproject.toml.
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


def pins_of(freeze: str) -> list[str]:
    """The `name==version` lines, sorted, without local suffixes (`+cpu`) and platform packages (CUDA)."""
    pins = [re.sub(r"\+\w+$", "", line.strip()) for line in freeze.splitlines()]
    return sorted((pin for pin in pins if pin and not re.match(r"#|nvidia-|cuda-|triton", pin)), key=str.lower)


def locks_from_freezes(users: str, tests: str) -> tuple[str, str]:
    """The two locks, from `pip freeze` before and after the tests' packages were installed."""
    first = pins_of(users)
    rest = [pin for pin in pins_of(tests) if pin not in first]
    return LOCK_HEADER + "\n".join(first) + "\n", TEST_LOCK_HEADER + "\n".join(rest) + "\n"


def environment_from_lock(lock: str) -> str:
    """The conda environment as YAML, with the lock's pins inline."""
    return ENVIRONMENT_HEADER + "".join(f"      - {pin}\n" for pin in pins_of(lock))


def main() -> None:
    """Write the locks, if two files of `pip freeze` are given, and the environment."""
    if len(sys.argv) > 1:
        freezes = (Path(name).read_text(encoding="utf-8") for name in sys.argv[1:3])
        for path, text in zip((LOCK, TEST_LOCK), locks_from_freezes(*freezes), strict=True):
            path.write_text(text, encoding="utf-8")
    ENVIRONMENT.write_text(environment_from_lock(LOCK.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
