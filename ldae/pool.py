"""Work through many items in separate processes; one bad item never stops the others."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass

from pebble import ProcessPool

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one item: `result`, or `error` with the reason it failed."""

    item: object
    result: object = None
    error: str = ""


def run_items(function: Callable, items: Iterable, *, workers: int, timeout_s: float, label: str) -> Iterator[Outcome]:
    """Yield the `Outcome` of ``function(item)`` for every item, as they finish.

    An exception, a crash of the process or more than `timeout_s` seconds is the item's own error. Progress and the
    time left are logged. `function` and the items must pickle.
    """
    items = list(items)
    start = time.monotonic()
    context = multiprocessing.get_context("spawn")
    with ProcessPool(max_workers=max(1, min(workers, len(items))), context=context) as pool:
        futures = {pool.schedule(function, args=(item,), timeout=timeout_s): item for item in items}
        for done, future in enumerate(as_completed(futures), start=1):
            item, error = futures[future], future.exception()
            if error is None:
                outcome = Outcome(item, future.result())
            elif isinstance(error, TimeoutError):
                outcome = Outcome(item, error=f"took longer than {timeout_s:.0f} s")
            else:
                outcome = Outcome(item, error=f"{type(error).__name__}: {error}")
            if outcome.error:
                logger.warning("%s: an item failed: %s", label, outcome.error)
            left_min = (time.monotonic() - start) / done * (len(items) - done) / 60
            logger.info("%s: %d of %d done, about %.1f min left", label, done, len(items), left_min)
            yield outcome
