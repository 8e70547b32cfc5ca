"""Where files of people are read, what libraries say is told by its kind: they quote headers, names and cells."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ldae.errors import PACKAGE, kind_of


def tell_kinds_only() -> None:
    """Show, from here on in this process, no words of libraries: of their warnings, log records and errors the kind.

    Records of this package's own loggers stay as they are.
    """
    warnings.showwarning = _show_warning
    logging.setLogRecordFactory(_make_record)
    sys.excepthook = lambda kind, error, frames: _print(describe_error(error))
    threading.excepthook = lambda told: _print(describe_error(told.exc_value) if told.exc_value else "a thread ended")
    sys.unraisablehook = lambda told: _print(describe_error(told.exc_value) if told.exc_value else "an error")


def describe_error(error: BaseException) -> str:
    """The frames of an error with the source that was run, and the kinds of it and of what it came from."""
    kinds = "; it came from ".join(kind_of(one) for one in _chain(error))
    return f"{kinds}\n{''.join(traceback.format_tb(error.__traceback__))}".rstrip()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
) -> None:
    _print(f"{category.__name__} of {Path(filename).name}:{lineno}")


def _make_record(
    name: str, level: int, pathname: str, lineno: int, msg: object, args: Any, exc_info: Any, *more: Any, **named: Any
) -> logging.LogRecord:
    if name.split(".")[0] != PACKAGE.name:
        msg, args, exc_info = f"a message of {name}, {Path(pathname).name}:{lineno}", (), None
    return logging.LogRecord(name, level, pathname, lineno, msg, args, exc_info, *more, **named)


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
