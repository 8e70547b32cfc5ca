"""Paths that cannot work: refused before anything starts."""

from __future__ import annotations

import shlex
from pathlib import Path

from ldae.errors import UserError


def check_interpreter(path: str) -> None:
    """Refuse a Python whose path a shell would take apart, as Snakemake calls it without quotes.

    Raises
    ------
    UserError
        The path holds a space or another character with a meaning to the shell.
    """
    if shlex.quote(path) != path:
        cure = "move the checkout, or its environment, to a path without them and install it there (make demo)"
        raise UserError(path, "a Python whose path has no spaces or quotes", "some", cure)


def check_braces(what: str, path: str | Path) -> None:
    """Refuse a path with braces, in which Snakemake sees a wildcard.

    Raises
    ------
    UserError
        The path has braces.
    """
    if {"{", "}"} & set(str(path)):
        raise UserError(
            f"{what}: {path}", "a path without { and }", "one with", "rename the folder, or name it by a link"
        )
