"""What a cell of a BIDS table says."""

from __future__ import annotations

import re
from collections.abc import Iterable

EMPTY = {"", "n/a"}  # BIDS' own
MISSING = EMPTY | {
    *("na", "n.a", "n.a.", "#n/a", "<na>", "nan", "none", "null", "nil", "-", "--", "–", "—", ".", "?"),
    *("missing", "unknown", "not available", "not known"),
}
SEXES = {"m": "M", "male": "M", "f": "F", "female": "F"}
RANGES = {"age": (1, 120), "months": (-1200, 1200), "field_strength_t": (0, 20)}  # age 0 stands for an unknown one
UNITS = {"age": r"y|yrs?|years?|y\.?o\.?", "months": r"m|mo|months?", "field_strength_t": r"t|tesla"}
NUMBER = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?"
BOUND = rf"[<>≤≥]=?\s*{NUMBER}|{NUMBER}\s*\+"


def normalise(text: str) -> str:
    """A value without case of letters; numbers in one way of writing, so that 0.50 is 0.5."""
    text = text.strip().lower()
    return f"{_as_float(text):g}" if re.fullmatch(NUMBER, text, re.ASCII) else text


def read_number(text: str, key: str) -> tuple[float | None, str]:
    """The number of a cell, and what was assumed to read it; None where it is no number of this `key` of `RANGES`.

    A decimal comma and the key's unit (72,5; 72 years; 072Y) are read. A bound is no value: 89+, as ages are capped for
    privacy, stays unknown, for any number put in its place would be made up.
    """
    text, (low, high) = text.strip().lower(), RANGES[key]
    unit = re.sub(rf"(?<=[\d.,\s])(?:{UNITS[key]})$", "", text)
    number = unit.strip()
    if not re.fullmatch(NUMBER, number, re.ASCII) or not low <= _as_float(number) <= high:
        return None, ""
    assumed = ["a decimal comma"] * ("," in number) + ["a unit behind the number"] * (unit != text)
    return _as_float(number), " and ".join(assumed)


def expected_number(text: str, key: str) -> str:
    """What should stand in place of a text that is no number of the key."""
    low, high = RANGES[key]
    bound = ", not a bound" if re.fullmatch(BOUND, text.strip().lower(), re.ASCII) else ""
    return f"a number from {low} to {high}{bound}"


def agree_on(values: Iterable[str]) -> str | None:
    """The one value of cells that should say the same, empty if none says anything; None if they contradict."""
    texts = [text for text in values if text.lower() not in EMPTY]
    said = [text for text in texts if text.lower() not in MISSING] or texts
    return None if len({normalise(text) for text in said}) > 1 else next(iter(said), "")


def tell_value(text: str) -> str:
    """A value that is not understood, as it may be told: a small number, or a word or two without digits.

    Examples
    --------
    >>> [tell_value(text) for text in ("Lewy", "131", "89+", "12.03.1947", "1947", "Jane Roe, 2nd floor")]
    ["'Lewy'", "'131'", "'89+'", 'a date or number', 'a date or number', 'a date or number']
    """
    if re.fullmatch(rf"[<>]?[-+]?\d{{1,3}}([.,]\d{{1,2}})?\+?( ?({UNITS['age']}|{UNITS['months']}))?", text.lower()):
        return f"'{text}'"
    if re.fullmatch(r"[^\W\d]+([ /+-][^\W\d]+)?", text) and len(text) <= 20:
        return f"'{text}'"
    return "a date or number" if re.search(r"\d", text) else "text"


def tell_label(label: str) -> str:
    """A subject's or session's label, as it may be told: one that is none in BIDS may name a person or a day."""
    return label if re.fullmatch(r"[0-9A-Za-z+]+", label) else "(no label)"


def _as_float(number: str) -> float:
    return float(number.replace(",", "."))
