"""Progress of long work, and the time left."""

from __future__ import annotations

import logging
import time


class Progress:
    """Logs how much of some work is done and about how long the rest takes, at the pace since this object was made.

    Parameters
    ----------
    logger : logging.Logger
        Where it is said.
    label : str
        What the work is called.
    total : int
        Items in all.
    noun : str
        What the items are, in the plural.
    done : int
        Items done before, which do not count for the pace.
    """

    def __init__(self, logger: logging.Logger, label: str, total: int, noun: str = "scans", done: int = 0) -> None:
        self.logger, self.label, self.total, self.noun = logger, label, total, noun
        self.done = self.done_before = done
        self.start = time.monotonic()

    def advance(self, items: int = 1, extra: str = "") -> None:
        """Count `items` more as done and say so; `extra` follows the count."""
        self.done += items
        pace_min = (time.monotonic() - self.start) / max(1, self.done - self.done_before) / 60
        shown = f": {extra}" if extra else ""
        message = "%s: %d of %d %s done%s, about %.1f min left"
        left_min = pace_min * (self.total - self.done)
        self.logger.info(message, self.label, self.done, self.total, self.noun, shown, left_min)
