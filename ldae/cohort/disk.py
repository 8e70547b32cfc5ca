"""The image files of a download, as they lie on disk; imported by the Snakefile, so without pandas.

Names of files and folders may hold names of people and dates. They stay in memory: what is written or said of a folder
is its `place`, in which names of ADNI's own stand as they are and others as their position among their neighbours.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ldae.errors import UserError
from ldae.files import hash_content

if TYPE_CHECKING:
    import pandas as pd

SUBJECT_FOLDER = r"\d{3}_S_\d{4,5}"
OWN_NAME = rf"{SUBJECT_FOLDER}|[IS]\d{{1,8}}|ADNI[1-4]?"
DISK_COLUMNS = ["ptid", "image_id", "series_id", "folder", "place", "format", "files", "files_hash"]
UNREADABLE = {errno.EACCES, errno.EPERM, errno.ELOOP}  # closed, or a link to itself
CLOSED = "closed"  # stands for the format of the images in a folder that may not be read
OTHER_FORMATS = set("zip gz tar tgz bz2 7z rar ima hdr img mgz mgh mnc nrrd v par".split())
COMPANIONS = {".xml", ".txt", ".csv", ".tsv", ".json", ".html", ".pdf"}  # files that LONI or users put beside images


def check_level(dicom_dir: str | Path) -> None:
    """Check that `dicom_dir` is the folder whose entries are the subjects.

    Raises
    ------
    UserError
        It does not exist, holds no subject, or is one or two levels too high or too low.
    """
    folder = Path(dicom_dir)
    expected = "a folder with one folder per subject, such as 011_S_4102"
    if not folder.is_dir():
        raise UserError(folder, expected, "no such folder", "set cohort.dicom_dir")
    if find_subjects(folder):
        return
    resolved = folder.resolve()
    for inside in (resolved, *resolved.parents):
        if re.fullmatch(SUBJECT_FOLDER, inside.name):
            raise UserError(folder, expected, "a folder of one subject", f"set cohort.dicom_dir: {inside.parent}")
    for pattern in ("*/*", "*/*/*"):
        for deeper in sorted(folder.glob(pattern)):
            if deeper.is_dir() and re.fullmatch(SUBJECT_FOLDER, deeper.name):
                below = place_of(deeper.parent, folder)
                raise UserError(
                    folder,
                    expected,
                    "subjects deeper in it",
                    f"set cohort.dicom_dir to {folder}/{below}",
                )
    entries = len(list(folder.iterdir()))
    found = f"no subject among its {entries} entries" if entries else "an empty folder"
    raise UserError(folder, expected, found, "set cohort.dicom_dir to where LONI's archives were unpacked")


def find_subjects(dicom_dir: str | Path) -> list[str]:
    """Sorted subject codes that have a folder."""
    named = (entry for entry in os.scandir(dicom_dir) if re.fullmatch(SUBJECT_FOLDER, entry.name))
    return sorted(entry.name for entry in named if _ask(entry.is_dir, True))


def list_files(dicom_dir: str | Path) -> pd.DataFrame:
    """One row for each image and folder on disk, columns `DISK_COLUMNS`; empty where no name gives an ID.

    A folder whose files are no DICOM or NIfTI by their suffix has a row as well, with that suffix as its format, and so
    has one that may not be read, with the format `CLOSED`. The hash covers names, sizes and times of change, so a
    replaced file is noticed without reading it.
    """
    import pandas as pd  # the Snakefile imports this module

    rows = []
    for ptid in find_subjects(dicom_dir):
        for folder in walk_once(Path(dicom_dir) / ptid):
            for (image, form), entries in _group(folder).items():
                named = {match[1] for entry in entries if (match := re.search(r"_S(\d+)_I\d+\.", entry.name))}
                series = named.pop() if len(named) == 1 else ""
                relative = Path(folder).relative_to(dicom_dir).as_posix()
                place = place_of(folder, dicom_dir)
                rows.append((ptid, image, series, relative, place, form, len(entries), hash_entries(entries)))
    return pd.DataFrame(rows, columns=DISK_COLUMNS).sort_values(["ptid", "folder", "image_id"], ignore_index=True)


def find_files(image: dict, dicom_dir: str | Path) -> list[Path]:
    """The files of one image, wherever in its subject's folder they lie.

    Parameters
    ----------
    image : ptid, image_id, format and files_hash of a row of the inventory, which names no folder
    dicom_dir : the download

    Returns
    -------
    list of Path
        Those of the same hash, or, where they changed since, the most of one folder; none if there are none.
    """
    wanted = image["image_id"], image["format"]
    groups = [_group(folder).get(wanted, []) for folder in walk_once(Path(dicom_dir) / image["ptid"])]
    groups.sort(key=lambda entries: (hash_entries(entries) == image["files_hash"], len(entries)))
    return [Path(entry.path) for entry in groups[-1]] if groups else []


def hash_entries(entries: list[os.DirEntry]) -> str:
    """Hash of the names, sizes and times of change of files."""
    return hash_content([(entry.name, *_size_and_time(entry)) for entry in entries])[:16]


def place_of(folder: str | Path, top: str | Path) -> str:
    """Where a folder lies below another, without names but those that ADNI gives; "(2 of 3)" counts by name."""
    told, here = [], Path(top)
    for part in Path(folder).relative_to(top).parts:
        if re.fullmatch(OWN_NAME, part):
            told.append(part)
        else:
            seen = (entry.name for entry in os.scandir(here) if _ask(entry.is_dir, False))
            beside = sorted(name for name in seen if name == part or not name.startswith("."))
            told.append(f"({beside.index(part) + 1} of {len(beside)})")
        here /= part
    return "/".join(told)


def walk_once(top: Path) -> Iterator[str]:
    """Every folder from `top` down, through links too, but each once: links may go in circles."""
    seen: set[tuple[int, int]] = set()
    closed: list[str] = []
    for folder, inside, _ in os.walk(top, followlinks=True, onerror=lambda error: closed.append(error.filename)):
        stat = os.stat(folder)
        if (stat.st_dev, stat.st_ino) in seen:
            inside.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        yield folder
        inside.sort()
    yield from closed


def _group(folder: str | Path) -> dict[tuple[str, str], list[os.DirEntry]]:
    """What a folder holds, by (image ID, format)."""
    try:
        return group_files(folder) or _group_others(folder)
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        match = re.fullmatch(r"I(\d+)", Path(folder).name)
        return {(match[1] if match else "", CLOSED): []}


def _size_and_time(entry: os.DirEntry) -> tuple[int, int]:
    """What leads nowhere has the size -1."""
    try:
        stat = entry.stat()
    except OSError as error:
        if error.errno not in (*UNREADABLE, errno.ENOENT):
            raise
        return -1, 0
    return stat.st_size, stat.st_mtime_ns


def _ask(question: Callable[[], bool], unknown: bool) -> bool:
    """Whether an entry is a file, or a folder; `unknown` of a link to itself or to where nobody may look."""
    try:
        return question()
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        return unknown


def _group_others(folder: str | Path) -> dict[tuple[str, str], list[os.DirEntry]]:
    """Files of a folder without images that may be one in another format, by (image ID, suffix)."""
    groups: dict[tuple[str, str], list[os.DirEntry]] = {}
    parent = re.fullmatch(r"I(\d+)", Path(folder).name)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        suffix = Path(entry.name).suffix.lower()
        if suffix not in COMPANIONS and not entry.name.startswith(".") and _ask(entry.is_file, False):
            match = re.search(r"_I(\d+)(\.\w+)*$", entry.name)
            image = match[1] if match else (parent[1] if parent else "")
            known = suffix.lstrip(".") if suffix.lstrip(".") in OTHER_FORMATS else "other"
            groups.setdefault((image, known if suffix else "none"), []).append(entry)
    return groups


def list_others(dicom_dir: str | Path) -> tuple[list[str], list[str]]:
    """Entries beside the subjects' folders: those that hold subjects themselves, and the rest."""
    entries = [entry for entry in os.scandir(dicom_dir) if not entry.name.startswith(".")]
    others = sorted(entry.name for entry in entries if not re.fullmatch(SUBJECT_FOLDER, entry.name))
    holding = [name for name in others if Path(dicom_dir, name).is_dir() and find_subjects(Path(dicom_dir, name))]
    return holding, [name for name in others if name not in holding]


def fingerprint(dicom_dir: str | Path) -> str:
    """Hash of the folders of a download, their names and times of change, down to each image's own folder.

    Files added to or removed from any folder change it; a file overwritten in place does not. Only folders are looked
    at, so the whole of ADNI takes seconds on a local disk.
    """
    stats = []
    for folder, inside, _ in os.walk(dicom_dir):
        stats.append((folder, os.stat(folder).st_mtime_ns))
        inside.sort()
        images = [name for name in inside if re.fullmatch(r"I\d+", name)]
        stats += [(name, os.stat(Path(folder, name)).st_mtime_ns) for name in images]
        inside[:] = [name for name in inside if name not in images]
    return hash_content(stats)[:16]


def group_files(folder: str | Path) -> dict[tuple[str, str], list[os.DirEntry]]:
    """Image files of one folder by (image ID, dcm or nii); the ID stands in the file names or in the folder's.

    Links to nothing are among them: their image is incomplete.
    """
    parent = re.fullmatch(r"I(\d+)", Path(folder).name)
    groups: dict[tuple[str, str], list[os.DirEntry]] = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        match = re.fullmatch(r"(.*_I(?P<image>\d+)|.*?)\.(?P<form>dcm|nii|nii\.gz)", entry.name, re.IGNORECASE)
        if match and not _ask(entry.is_dir, False) and not entry.name.startswith("."):
            image = match["image"] or (parent[1] if parent else "")
            groups.setdefault((image, match["form"].lower()[:3]), []).append(entry)
    return groups
