"""A part of a cohort: to try everything on before the whole of it is run, or all but what a person leaves out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ldae.errors import UserError

logger = logging.getLogger(__name__)

SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Pilot:
    """Which subjects and sessions are used.

    Attributes
    ----------
    subjects
        Codes of the download or BIDS labels (with or without sub-); or how many, drawn by `seed`; None: all.
    sessions
        BIDS labels such as M000 (with or without ses-); None: all.
    exclude
        What is left out: an image's ID or file name, a subject's code or label, or sub-*_ses-*, each with the reason
        behind a comma or tab, if there is one.
    """

    subjects: Sequence[str] | int | None = None
    sessions: Sequence[str] | None = None
    seed: int = 0
    exclude: Sequence[str] = ()

    @cached_property
    def excluded(self) -> dict[str, str]:
        """Why, by the name of what is left out."""
        parts = (line.replace(",", "\t", 1).partition("\t") for line in self.exclude)
        return {name.strip(): " ".join(reason.split()) for name, _, reason in parts}

    def why_excluded(self, *names: str) -> str:
        """Why an image that has these names is left out; empty if it is not."""
        named = next((name for name in names if name in self.excluded), None)
        return "" if named is None else f"left out by cohort.exclude: {self.excluded[named]}".removesuffix(": ")

    def warn_of_unknown(self, known: Collection[str]) -> None:
        """Log what is to be left out and has no name of those that the cohort knows."""
        if unknown := sorted(set(self.excluded) - set(known)):
            logger.warning("cohort.exclude: nothing here is called %s", _list(unknown))

    def choose_subjects(self, names: Mapping[str, str]) -> set[str]:
        """The BIDS labels of the subjects that are used; a larger number keeps those of a smaller one.

        Parameters
        ----------
        names
            By BIDS label the code that the download has for the subject.

        Raises
        ------
        UserError
            A subject that is asked for is not there.
        """
        if self.subjects is None:
            return set(names)
        if isinstance(self.subjects, int):
            return set(sorted(names, key=self._draw)[: self.subjects])
        labels = {code: label for label, code in names.items()} | {label: label for label in names}
        wanted = [name.removeprefix("sub-") for name in self.subjects]
        _expect_all("cohort.subjects", wanted, labels)
        return {labels[name] for name in wanted}

    def choose_sessions(self, present: Iterable[str]) -> set[str]:
        """Those of these session labels that are used.

        Raises
        ------
        UserError
            A session that is asked for is nobody's.
        """
        present = set(present)
        if self.sessions is None:
            return present
        wanted = [name.removeprefix("ses-") for name in self.sessions]
        _expect_all("cohort.sessions", wanted, present)
        return set(wanted)

    def describe(self, subjects: int, images: int, of_images: int) -> str:
        """One sentence on what is used; empty where everything is."""
        if self.subjects is None and self.sessions is None:
            return ""
        where = " and ".join(f"cohort.{key}" for key in ("subjects", "sessions") if getattr(self, key) is not None)
        return f"a pilot, by {where}: {images} of {of_images} images are used, of {subjects} subjects"

    def _draw(self, label: str) -> str:
        return hashlib.sha256(f"{self.seed} {label}".encode()).hexdigest()


EVERYBODY = Pilot()
EXCLUDE_CURE = "none, or take it out of cohort.exclude"


def read_names(setting: str, value: Sequence[str] | int | str | None) -> list[str] | int | None:
    """The names that a setting holds, or those in the file that it names: the first column of each line.

    A heading ``participant_id`` or ``session_id``, empty lines and those that begin with # are passed over.

    Raises
    ------
    UserError
        The file is not there, or holds no name.
    """
    if not isinstance(value, str):
        return value if value is None or isinstance(value, int) else list(value)
    names = [line.replace(",", "\t").split("\t")[0].strip() for line in _read_lines(setting, value)]
    return _expect_some(setting, value, names[1:] if names[:1] in (["participant_id"], ["session_id"]) else names)


def read_exclusions(value: Sequence[str] | str | None) -> list[str]:
    """What `cohort.exclude` names, as `Pilot.exclude`: its own entries, or the lines of the file.

    Raises
    ------
    UserError
        As `read_names`.
    """
    if not isinstance(value, str):
        return list(value or ())
    return _expect_some("cohort.exclude", value, _read_lines("cohort.exclude", value))


def _read_lines(setting: str, path: str) -> list[str]:
    """The lines of a file that say something."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or "no text in UTF-8"
        raise UserError(f"{setting}: {path}", "a list of names", found, "a file with one name per line") from None
    return [line for line in lines if line and not line.startswith("#")]


def _expect_some(setting: str, path: str, names: list[str]) -> list[str]:
    if not names:
        raise UserError(f"{setting}: {path}", "a list of names", "none", "a file with one name per line")
    return names


def _expect_all(setting: str, wanted: Sequence[str], present: Iterable[str]) -> None:
    here = set(present)
    if absent := sorted(set(wanted) - here):
        found = f"{len(absent)} that are not: {_list(absent)}; there are, for example, {_list(sorted(here)) or 'none'}"
        raise UserError(setting, "names that the cohort has", found, f"correct {setting}, or null for all of them")


def _list(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
