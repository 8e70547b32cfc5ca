"""Where the files lie that settings name by their folder, and which paths Snakemake can work with."""

from __future__ import annotations

import shlex
from pathlib import Path

from ldae.errors import UserError


def initial_weights(place: str | Path, network: str) -> Path:
    """The file of weights of a network that a setting `init_from` names: itself, or in the folder of a trained model.

    Examples
    --------
    >>> initial_weights("theirs.pt", "autoencoder").name
    'theirs.pt'
    """
    path = Path(place)
    return path / f"{network}.safetensors" if path.is_dir() else path


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
