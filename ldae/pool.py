"""Work through many items in separate processes; one bad item never stops the others."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from typing import Any

from pebble import ProcessPool

from ldae.progress import Progress

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one item: `result`, or `error` with the reason it failed."""

    item: Any
    result: Any = None
    error: str = ""


def run_items(function: Callable, items: Iterable, *, workers: int, timeout_s: float, label: str) -> Iterator[Outcome]:
    """Yield the `Outcome` of ``function(item)`` for every item, as they finish.

    An exception, a crash of the process or more than `timeout_s` seconds is the item's own error. Progress and the
    time left are logged. `function` and the items must pickle.
    """
    items = list(items)
    progress = Progress(logger, label, len(items), "items")
    context = multiprocessing.get_context("spawn")
    with ProcessPool(max_workers=max(1, min(workers, len(items))), context=context) as pool:
        futures: dict[Future, Any] = {pool.schedule(function, args=(item,), timeout=timeout_s): item for item in items}
        for future in as_completed(futures):
            item, error = futures[future], future.exception()
            if error is None:
                outcome = Outcome(item, future.result())
            elif isinstance(error, TimeoutError):
                outcome = Outcome(item, error=f"took longer than {timeout_s:.0f} s")
            else:
                outcome = Outcome(item, error=f"{type(error).__name__}: {error}")
            if outcome.error:
                logger.warning("%s: an item failed: %s", label, outcome.error)
            progress.advance()
            yield outcome
