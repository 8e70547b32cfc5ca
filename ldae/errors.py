"""The one exception a user is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """A problem the user can mend.

    The message names the place, what was expected, what was found and the cure.

    Examples
    --------
    >>> raise UserError("config.yaml: split.seed", "a whole number", "'abc'", "write e.g. seed: 0")
    Traceback (most recent call last):
    ...
    ldae.errors.UserError: config.yaml: split.seed
      expected: a whole number
      found:    'abc'
      cure:     write e.g. seed: 0
    """

    def __init__(self, where: object, expected: str, found: str, cure: str) -> None:
        self.where, self.expected, self.found, self.cure = str(where), expected, found, cure
        super().__init__(self.where, expected, found, cure)

    def __str__(self) -> str:
        return f"{self.where}\n  expected: {self.expected}\n  found:    {self.found}\n  cure:     {self.cure}"
