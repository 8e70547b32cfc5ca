"""Work through many items in separate processes; one bad item never stops the others.

A fault of an item is told from a passing trouble: a process that was killed, memory, disk space or time that did not
suffice. The former is the item's outcome. The latter says nothing of the item: it is tried again, one at a time.
"""

from __future__ import annotations

import errno
import logging
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ldae.discretion import tell_kinds_only
from ldae.errors import Busy, PassingTrouble, UserError, UserErrors, kind_of, say_exit
from ldae.progress import Progress

logger = logging.getLogger(__name__)

# Of the machine, not of a file: space, memory, processes and open files, a file system that answers late or no more.
PASSING = {
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EFBIG", "ENOMEM", "EAGAIN", "EMFILE", "ENFILE", "ENOLCK"),
        *("EIO", "EROFS", "ESTALE", "ETIMEDOUT", "ENOTCONN", "ESHUTDOWN", "EINTR", "EBUSY", "ENODEV", "ENXIO"),
    )
}
OWN_SIGNALS = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}  # what a program does to itself
CURE = "see to memory, disk space and time limits, then run the same command again; what is done is kept"


@dataclass(frozen=True)
class Outcome:
    """What became of one item: `result`, or `error` with the reason; `passing` where that is no fault of the item."""

    item: Any
    result: Any = None
    error: str = ""
    passing: bool = False


def run_items(function: Callable, items: Iterable, *, workers: int, timeout_s: float, label: str) -> Iterator[Outcome]:
    """Yield the `Outcome` of ``function(item)`` for every item, as they finish.

    An exception is the item's own error, and so is a crash of the process that happens twice. After a passing trouble
    the item is tried once more, when all others are done. Progress and the time left are logged. `function` and the
    items must pickle.
    """
    items = list(items)
    progress, again = Progress(logger, label, len(items), "items"), []
    for outcome, crashed in _run(function, items, workers, timeout_s):
        if outcome.passing or crashed:
            logger.warning("%s: %s; it is tried again at the end", label, outcome.error)
            again.append(outcome.item)
        else:
            yield _told(outcome, label, progress)
    for outcome, _ in _run(function, again, 1, timeout_s) if again else ():
        yield _told(outcome, label, progress)


def finish_items(
    function: Callable,
    items: Iterable,
    *,
    workers: int,
    timeout_s: float,
    label: str,
    name: Callable[[Any], str],
) -> Iterator[Outcome]:
    """As `run_items`, but a passing trouble that persists is no outcome.

    Parameters
    ----------
    name : callable
        What an item is called.

    Raises
    ------
    UserErrors
        After all others are done: the items that a passing trouble kept from being done, each with its own.
    """
    undone = []
    for outcome in run_items(function, items, workers=workers, timeout_s=timeout_s, label=label):
        if outcome.passing:
            undone.append(UserError(f"{label}: {name(outcome.item)}", "to be done", outcome.error, CURE))
        else:
            yield outcome
    if undone:
        raise UserErrors(undone)


def _run(function: Callable, items: list, workers: int, timeout_s: float) -> Iterator[tuple[Outcome, bool]]:
    """Each outcome, and whether the item's process ended before it."""
    context = multiprocessing.get_context("spawn")
    with ProcessPool(
        max_workers=max(1, min(workers, len(items))), context=context, initializer=tell_kinds_only
    ) as pool:
        futures: dict[Future, Any] = {pool.schedule(function, args=(item,), timeout=timeout_s): item for item in items}
        for future in as_completed(futures):
            item, error = futures[future], future.exception()
            if error is None:
                yield Outcome(item, future.result()), False
            else:
                outcome = Outcome(item, error=_describe(error, timeout_s), passing=is_passing(error))
                yield outcome, isinstance(error, ProcessExpired)


def is_passing(error: BaseException) -> bool:
    """Whether an error tells of the machine, and not of what was worked on.

    Examples
    --------
    >>> is_passing(OSError(errno.ENOSPC, "No space left on device")), is_passing(ValueError("no head"))
    (True, False)
    """
    if isinstance(error, ProcessExpired):
        return error.exitcode < 0 and -error.exitcode not in OWN_SIGNALS
    if isinstance(error, OSError) and error.errno in PASSING:
        return True
    return isinstance(error, PassingTrouble | Busy | MemoryError | TimeoutError)


def _describe(error: BaseException, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"took longer than {timeout_s:.0f} s"
    if isinstance(error, ProcessExpired):
        return f"its process ended by {say_exit(error.exitcode)}"
    return kind_of(error)


def _told(outcome: Outcome, label: str, progress: Progress) -> Outcome:
    if outcome.error:
        logger.warning("%s: an item failed: %s", label, outcome.error)
    progress.advance()
    return outcome
