"""How an injected fault may end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ldae.errors import UserError

NAMED = "named error"
AGAIN = "made again"


def refused(function: Callable, *arguments: object, **named: object) -> tuple[str, str]:
    """The outcome of a call that has to end in a named error, and the message: every part of it says something."""
    with pytest.raises(UserError) as raised:
        function(*arguments, **named)
    for error in getattr(raised.value, "errors", [raised.value]):
        assert all([error.where, error.expected, error.found, error.cure])
    return NAMED, str(raised.value)


def flip(path: str | Path, place: float = 0.5) -> None:
    """Flip a bit of the byte at a share of the file's length."""
    content = bytearray(Path(path).read_bytes())
    content[int(place * len(content))] ^= 4
    Path(path).write_bytes(content)


def cut(path: str | Path) -> None:
    """Keep the first half of a file."""
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: len(content) // 2])


def swap(one: str | Path, other: str | Path) -> None:
    """Exchange the contents of two files."""
    first, second = Path(one).read_bytes(), Path(other).read_bytes()
    Path(one).write_bytes(second), Path(other).write_bytes(first)


def edit(path: str | Path, old: str, new: str) -> None:
    """Put another text in the place of one that is there."""
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")
