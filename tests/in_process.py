"""Stands for the process pool, whose start takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ldae.errors import UserError, is_passing
from ldae.pool import Outcome


def finish_items(function: Callable, items: Iterable, *, name: Callable, **_: object) -> Iterator[Outcome]:
    """As ldae.pool has it, in this process and once; an item's own error is raised."""
    for item in items:
        try:
            yield Outcome(item, function(item))
        except Exception as error:
            if is_passing(error):
                raise UserError(name(item), "to be done", f"{error}", "run it again") from error
            raise
