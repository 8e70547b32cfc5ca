"""What every script shares: the package of this checkout, the rule's log, and the checksums of its files."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ldae.checksums import checked_files
from ldae.discretion import describe_error, tell_kinds_only
from ldae.errors import UserError, say_trouble
from ldae.scratch import remove_abandoned


@contextmanager
def job(snakemake: Any, *, private: bool = False) -> Iterator[None]:
    """The body of a rule: its log (`rule_log`), and its files compared before and noted after."""
    with (
        rule_log(snakemake.log[0], private=private),
        checked_files(list(snakemake.input), list(snakemake.output), writes=is_first_process()),
    ):
        yield


def is_first_process() -> bool:
    """Whether this is the only process, or of a training on several devices the one that writes."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


@contextmanager
def rule_log(path: str, *, private: bool = False) -> Iterator[None]:
    """Send everything printed to the rule's log; progress, warnings and errors go to the terminal as well.

    Where the script reads files of people (`private`), libraries and unexpected errors are told by their kind alone,
    and copies that killed jobs left are removed.
    The log of an attempt that failed or was killed stays, above that of the next: Snakemake removes it, but it has a
    second name, with a dot before it, until the rule has succeeded. Of a training on several devices the first process
    writes all; the others add their errors.
    """
    first = is_first_process()
    second_name = Path(path).with_name(f".{Path(path).name}")
    second_name.parent.mkdir(parents=True, exist_ok=True)
    if first and second_name.exists():
        second_name.replace(path)
    terminal = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    if first:
        second_name.unlink(missing_ok=True)  # there is one still where both were of one file
        os.write(log, f"--- {datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}\n".encode())
        try:
            os.link(path, second_name)
        except OSError as error:
            os.write(log, f"this log will not outlast a failure: no second name for it, {error.strerror}\n".encode())
    sys.stdout.flush(), sys.stderr.flush()
    os.dup2(log, 1), os.dup2(log, 2)
    shown = logging.StreamHandler(terminal)
    kept = logging.StreamHandler(sys.stderr)
    kept.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    package = logging.getLogger("ldae")
    package.setLevel(logging.INFO if first else logging.ERROR)
    package.handlers = [shown, kept] if first else [kept]
    package.propagate = False
    if private:
        tell_kinds_only()
        remove_abandoned()
    try:
        yield
    except UserError as error:
        package.error("%s", error)
        sys.exit(1)
    except Exception as error:
        trouble = say_trouble(error)
        if trouble is not None and (not private or trouble.where.startswith("results/")):
            package.error("%s", trouble)
            sys.exit(1)
        if private:
            package.error("unexpected error: %s\nthe full log is %s", describe_error(error), path)
            sys.exit(1)
        package.exception("unexpected error; the full log is %s", path)
        raise
    if first:
        second_name.unlink(missing_ok=True)
