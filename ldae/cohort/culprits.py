"""Who stops a conversion: a converter that ends at the first bad subject does not say at which."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from ldae.cohort.disk import walk_once

MOST_ALONE = 3  # that fail one by one before any succeeds: then it is not the subjects
# What of a file's path in the download tells the subject; of HABS, whose archives hold many, the archive.
SUBJECT_OF = {
    "aibl": r"^(\d+)/",
    "genfi": r"^([^/]+)/",
    "habs": r"([^/]+\.zip)$",
    "ixi": r"(IXI\d{3})-[^/]*$",
    "nifd": r"(?:^|/)(\d_S_\d{4})/",
    "oasis": r"(?:^|/)(OAS1_\d{4})_MR\d/",
    "oasis2": r"(?:^|/)(OAS2_\d{4})_MR\d+/",
    "oasis3": r"(?:^|/)(OAS3\d{4})_",
    "ukb": r"(?:^|/)(\d+)_\d+_\d+_\d+\.zip$",
}


def list_subjects(source: str, dataset: Path) -> dict[str, list[Path]]:
    """The files of a download by subject, relative to it; those of no subject, such as tables, under an empty name."""
    files: dict[str, list[Path]] = defaultdict(list)
    for folder in walk_once(dataset):
        for path in Path(folder).iterdir() if os.access(folder, os.R_OK | os.X_OK) else ():
            if path.is_file():
                inner = path.relative_to(dataset)
                match = re.search(SUBJECT_OF[source], inner.as_posix())
                files[match[1] if match else ""].append(inner)
    return dict(files)


def link_subjects(files: dict[str, list[Path]], subjects: Collection[str], dataset: Path, view: Path) -> None:
    """Make a download of links to the files of these subjects, and to what is no subject's."""
    for path in [path for subject in ("", *subjects) for path in files.get(subject, ())]:
        (view / path).parent.mkdir(parents=True, exist_ok=True)
        (view / path).symlink_to((dataset / path).resolve())


def find_culprits(subjects: Sequence[str], try_out: Callable[[Sequence[str]], str]) -> dict[str, str] | None:
    """The subjects with each of whom alone a conversion fails, and how, where it fails with all of them.

    Parameters
    ----------
    subjects : at least one
    try_out : says how the conversion of some subjects fails; empty if it does not

    Returns
    -------
    dict
        None where it is not for the subjects that it fails: `MOST_ALONE` of them, or all, fail one by one.
    """
    culprits: dict[str, str] = {}
    some_succeed = False
    parts = [subjects[1::2], subjects[::2]]  # neighbours, who may share a fault, are told apart early
    while parts:
        part = parts.pop()
        if not part:
            continue
        fault = try_out(part)
        if not fault:
            some_succeed = True
        elif len(part) == 1:
            culprits[part[0]] = fault
            if not some_succeed and len(culprits) >= MOST_ALONE:
                return None
        else:
            parts += [part[1::2], part[::2]]
    return culprits if some_succeed else None
