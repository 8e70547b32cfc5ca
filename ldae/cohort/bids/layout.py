"""Where a BIDS dataset has its T1w images and tables; imports nothing that Snakemake's own environment may lack."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ldae.cohort.bids.sidecars import read_facts
from ldae.cohort.disk import place_of
from ldae.errors import UserError, UserErrors
from ldae.files import hash_content

PLACES = ("sub-*/anat", "sub-*/ses-*/anat")
TABLES = ("*.tsv", "*.json", "sub-*/*.tsv", *(f"{place}/*_T1w.json" for place in PLACES))


def check_dataset(bids_dir: str | Path) -> None:
    """Check that `bids_dir` is the root of a BIDS dataset with T1w images.

    Raises
    ------
    UserError
        It does not exist, lies a level too high or too low, has no description, or holds no T1w image.
    """
    root = Path(bids_dir)
    expected = "a BIDS dataset: dataset_description.json and sub-*/[ses-*/]anat/*_T1w.nii[.gz]"
    if not root.is_dir():
        raise UserError(root, expected, "no such folder", "correct cohort.bids_dir")
    errors = []
    if not (root / "dataset_description.json").is_file():
        other = next((path for path in (*root.resolve().parents, *sorted(root.glob("*"))) if _is_root(path)), None)
        if other:
            if root.resolve().is_relative_to(other):
                raise UserError(root, expected, "a folder of one", f"set cohort.bids_dir: {other}")
            cure = f"set cohort.bids_dir to its folder {place_of(other, root)}, counted by name"
            raise UserError(root, expected, "one in a folder of it", cure)
        cure = "write the file; BIDS wants Name and BIDSVersion in it"
        errors.append(UserError(root, expected, "no dataset_description.json", cure))
    if not any(find_images(root)):
        folders = len(list(root.glob("sub-*")))
        found = f"no T1w image in {folders} sub-* folders" if folders else "no sub-* folder"
        errors.append(UserError(root, expected, found, "see that the anat folders were downloaded"))
    if errors:
        raise UserErrors(errors)


def find_folders(bids_dir: str | Path) -> Iterator[Path]:
    """The folders that may hold T1w images."""
    return (path for place in PLACES for path in Path(bids_dir).glob(place) if path.is_dir())


def find_closed(bids_dir: str | Path) -> Iterator[Path]:
    """The folders, down to those that may hold T1w images, that may not be read."""
    for level in ("sub-*", "sub-*/ses-*", *PLACES):
        for folder in Path(bids_dir).glob(level):
            if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK, effective_ids=True):
                yield folder


def find_images(bids_dir: str | Path) -> Iterator[Path]:
    """The T1w files, links to absent ones included."""
    return (
        path
        for folder in find_folders(bids_dir)
        for ending in ("", ".gz")
        for path in folder.glob(f"*_T1w.nii{ending}")
    )


def fingerprint(bids_dir: str | Path) -> str:
    """Hash of the names and times of change of what the index depends on: folders, images and tables."""
    root = Path(bids_dir)
    tables = (path for pattern in TABLES for path in root.glob(pattern))
    return _hash_states({*find_folders(root), *find_closed(root), *find_images(root), *tables})


def fingerprint_images(bids_dir: str | Path) -> str:
    """Hash of the names and times of change of the images alone, which no correction of a table changes.

    Where a session has several, what is chosen by is part of it.
    """
    images = {*find_images(bids_dir), *find_closed(bids_dir)}
    several = {folder for folder, count in Counter(path.parent for path in images).items() if count > 1}
    facts = [read_facts(path, bids_dir) for path in sorted(images) if path.parent in several]
    return hash_content([_hash_states(images), facts])[:16]


def _hash_states(paths: set[Path]) -> str:
    """Links to absent files have no time, so that fetching them counts as a change."""
    states = [(path.as_posix(), path.stat().st_mtime_ns if path.exists() else 0) for path in sorted(paths)]
    return hash_content(states)[:16]


def _is_root(folder: Path) -> bool:
    return (folder / "dataset_description.json").is_file() and any(find_images(folder))
