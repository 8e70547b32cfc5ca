"""Paths that cannot work: refused before anything starts."""

from __future__ import annotations

import errno
import os
import shlex
import tempfile
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


def check_temporary() -> None:
    """Refuse a folder for temporary files that cannot be used, in whose place Python would take another in silence.

    Raises
    ------
    UserError
        TMPDIR, TEMP or TMP names a place that is not there, may not be written to, or is full.
    """
    for variable in ("TMPDIR", "TEMP", "TMP"):
        if folder := os.environ.get(variable):
            try:
                with tempfile.NamedTemporaryFile(dir=folder) as file:
                    file.write(b"x")
            except OSError as error:
                found = os.strerror(error.errno or errno.EIO)
                cure = f"make it, free some of it, or set {variable} to another folder"
                raise UserError(f"{variable}: {folder}", "a folder that can be written to", found, cure) from None


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
