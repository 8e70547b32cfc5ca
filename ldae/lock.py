"""One process at a time: also a job that outlived its workflow keeps out the one that takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ldae.errors import Busy


@contextmanager
def one_at_a_time(place: str | Path) -> Iterator[None]:
    """Hold the lock of a folder or file in which the body writes; it ends with the process, however that ends.

    Raises
    ------
    Busy
        Another process holds it.
    """
    place = Path(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place.parent / f".{place.name}.lock", timeout=0):
            yield
    except Timeout:
        cure = "wait until it ends, or stop it if it was left over by a killed run, then run again"
        raise Busy(place, "one process at a time", "another one holds the lock", cure) from None
