"""The exceptions a user is meant to read."""

from __future__ import annotations

import errno
import os
import re
import signal
import traceback
from pathlib import Path

PACKAGE = Path(__file__).parent

# Of the machine, not of a file: space, memory, processes and open files, a file system that answers late or no more.
PASSING = {
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EFBIG", "ENOMEM", "EAGAIN", "EMFILE", "ENFILE", "ENOLCK"),
        *("EIO", "EROFS", "ESTALE", "ETIMEDOUT", "ENOTCONN", "ESHUTDOWN", "EINTR", "EBUSY", "ENODEV", "ENXIO"),
    )
}

RIGHTS = "give the user who runs this the right to write there (chown, chmod)"
ROOM = "make room on its disk"
# What a person can do about the machine, by the system's own number of the error.
CURES = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: f"{ROOM}, or have the quota raised",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f)",
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: "mount its file system for writing",
    errno.EIO: "see to the disk, or to the connection to it",
    errno.ESTALE: "see to the connection to its disk",
    errno.ENOTCONN: "see to the connection to its disk",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENOMEM: "give the job more memory, or let fewer run at once",
}


class UserError(Exception):
    """A problem the user can mend.

    The message names the place, what was expected, what was found and the cure.

    Examples
    --------
    >>> raise UserError("config.yaml: seed", "a whole number", "'abc'", "write e.g. seed: 0")
    Traceback (most recent call last):
    ...
    ldae.errors.UserError: config.yaml: seed
      expected: a whole number
      found:    'abc'
      cure:     write e.g. seed: 0
    """

    def __init__(self, where: object, expected: str, found: str, cure: str) -> None:
        self.where, self.expected, self.found, self.cure = str(where), expected, found, cure
        super().__init__(self.where, expected, found, cure)

    def __str__(self) -> str:
        return f"{self.where}\n  expected: {self.expected}\n  found:    {self.found}\n  cure:     {self.cure}"


class PassingTrouble(Exception):
    """What may be gone at the next try: a program killed by a signal or by its time limit, no memory, no disk space."""


class Busy(UserError):
    """Another process works in the same place."""


class UserErrors(UserError):
    """Several problems at once, so that a user mends all of them before the next run.

    Parameters
    ----------
    errors : at least one
    """

    def __init__(self, errors: list[UserError]) -> None:
        self.errors = [part for error in errors for part in getattr(error, "errors", [error])]
        first = self.errors[0]
        super().__init__(first.where, first.expected, first.found, first.cure)

    def __reduce__(self) -> tuple:
        return type(self), (self.errors,)

    def __str__(self) -> str:
        if len(self.errors) == 1:
            return str(self.errors[0])
        return f"{len(self.errors)} problems\n" + "\n".join(map(str, self.errors))


def is_passing(error: BaseException) -> bool:
    """Whether an error tells of the machine, and not of what was worked on.

    Examples
    --------
    >>> is_passing(OSError(errno.ENOSPC, "No space left on device")), is_passing(ValueError("no head"))
    (True, False)
    """
    if isinstance(error, OSError) and error.errno in PASSING:
        return True
    return isinstance(error, PassingTrouble | Busy | MemoryError | TimeoutError)


def say_exit(code: int) -> str:
    """How a process ended, in words.

    Examples
    --------
    >>> say_exit(-9), say_exit(3)
    ('signal 9 (SIGKILL)', 'exit code 3')
    """
    if code >= 0:
        return f"exit code {code}"
    known = {number.value: number.name for number in signal.Signals}
    return f"signal {-code} ({known.get(-code, 'unknown')})"


def kind_of(error: BaseException) -> str:
    """What may be told of an error where files of people were read.

    The project's own exceptions are told in their words. Those of libraries quote what they read, so that only their
    class, the machine's own word for an `OSError`, and the place in this package are told.

    Examples
    --------
    >>> kind_of(ValueError("Jane Roe is no number")), kind_of(FileNotFoundError(2, "Jane Roe"))
    ('ValueError', 'FileNotFoundError: No such file or directory')
    >>> kind_of(PassingTrouble("no memory"))
    'no memory'
    """
    if type(error).__module__.split(".")[0] == PACKAGE.name:
        return str(error)
    said = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        said += f": {os.strerror(error.errno)}"
    place = place_of(error)
    return f"{said}, at {place}" if place else said


def place_of(error: BaseException) -> str:
    """Module and line of this package at which an error arose, also in another process; empty if in none."""
    lines = re.findall(rf'File "[^"]*/({PACKAGE.name}/[\w/]+\.py)", line (\d+)', _trace(error))
    own = [f"{module}:{line}" for module, line in lines if (PACKAGE.parent / module).is_file()]
    return own[-1] if own else ""


def _trace(error: BaseException) -> str:
    """The frames of an error as Python prints them; `pebble` keeps those of another process as text."""
    return getattr(error, "traceback", "") + "".join(traceback.format_tb(error.__traceback__))


def say_trouble(error: BaseException) -> UserError | None:
    """A refusal of the machine, to write a file for instance, as a user reads it; None for any other error.

    Examples
    --------
    >>> print(say_trouble(OSError(errno.ENOSPC, "No space left on device", "results/scans.csv")))
    results/scans.csv
      expected: to be read or written
      found:    No space left on device
      cure:     make room on its disk, then run the same command again; what is done is kept
    """
    number = errno.ENOMEM if isinstance(error, MemoryError) else getattr(error, "errno", None)
    if number not in CURES:
        return None
    cure = f"{CURES[number]}, then run the same command again; what is done is kept"
    found = os.strerror(number)
    if number == errno.ENOMEM:
        return UserError("this process", "memory for what it does", found, cure)
    return UserError(getattr(error, "filename", None) or "a file", "to be read or written", found, cure)
