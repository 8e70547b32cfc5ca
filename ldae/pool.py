"""Work through many items in separate processes; one bad item never stops the others.

A fault of an item is told from a passing trouble: a process that was killed, memory, disk space or time that did not
suffice. The former is the item's outcome. The latter says nothing of the item: it is tried again, one at a time.

Whatever ends the work early (Ctrl-C, SIGTERM, an error, a kill) ends the processes, and the programs that they run,
within seconds.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ldae.discretion import tell_kinds_only
from ldae.errors import UserError, UserErrors, is_passing, kind_of, say_exit
from ldae.progress import Progress
from ldae.signals import Stopped, stopped_by_sigterm

logger = logging.getLogger(__name__)

OWN_SIGNALS = {signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL}  # what a program does to itself
GRACE_S = 3.0  # as long as pebble waits before it kills
CURE = "see to memory, disk space and time limits, then run the same command again; what is done is kept; "
CURE += "cohort.exclude leaves out what never comes to an end"


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
    with _open_pool(max(1, min(workers, len(items)))) as pool:
        futures: dict[Future, Any] = {
            pool.schedule(_work, args=(function, item), timeout=timeout_s): item for item in items
        }
        for future in as_completed(futures):
            item, error = futures[future], future.exception()
            if error is None:
                yield Outcome(item, future.result()), False
            else:
                outcome = Outcome(item, error=_describe(error, timeout_s), passing=_is_passing(error))
                yield outcome, isinstance(error, ProcessExpired)


@contextmanager
def _open_pool(workers: int) -> Iterator[ProcessPool]:
    """A pool whose processes are stopped at once, not waited for, where the body ends early."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPool(max_workers=workers, context=context, initializer=_start_process)
    try:
        with stopped_by_sigterm():
            yield pool
        pool.close()
    except BaseException as reason:
        if isinstance(reason, Stopped | KeyboardInterrupt):
            logger.warning("stopped; what is done is kept, and the same command goes on")
        pool.stop()
        raise
    finally:
        pool.join()


def _work(function: Callable, item: Any) -> Any:
    """`function` of an item, in a process of the pool that tidies up when it is told to end."""
    try:
        with stopped_by_sigterm():
            return function(item)
    except Stopped:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)  # the pool would take an exception for the item's own
        raise


def _start_process() -> None:
    tell_kinds_only()
    _end_with_parent()


def _end_with_parent() -> None:
    """Let no process of a pool outlive the one that opened it, however that ended."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(GRACE_S)
            os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _is_passing(error: BaseException) -> bool:
    """As `ldae.errors.is_passing`, also of processes of the pool that ended."""
    if isinstance(error, ProcessExpired):
        return error.exitcode < 0 and -error.exitcode not in OWN_SIGNALS
    return is_passing(error)


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
