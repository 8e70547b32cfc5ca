"""The image files of a download, as they lie on disk."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from ldae.errors import UserError
from ldae.files import hash_content

SUBJECT_FOLDER = r"\d{3}_S_\d{4,5}"
DISK_COLUMNS = ["ptid", "image_id", "folder", "format", "files", "files_hash"]


def check_level(dicom_dir: str | Path) -> None:
    """Check that `dicom_dir` is the folder whose entries are the subjects.

    Raises
    ------
    UserError
        It does not exist, holds no subject, or is one or two levels too high or too low.
    """
    folder = Path(dicom_dir)
    expected = "a folder with one folder a subject, such as 011_S_4102"
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
                raise UserError(folder, expected, "subjects deeper in it", f"set cohort.dicom_dir: {deeper.parent}")
    entries = sorted(entry.name for entry in folder.iterdir())[:5]
    found = f"no subject, but {', '.join(entries)}" if entries else "an empty folder"
    raise UserError(folder, expected, found, "set cohort.dicom_dir to where LONI's archives were unpacked")


def find_subjects(dicom_dir: str | Path) -> list[str]:
    """Sorted subject codes that have a folder."""
    return sorted(
        entry.name for entry in os.scandir(dicom_dir) if entry.is_dir() and re.fullmatch(SUBJECT_FOLDER, entry.name)
    )


def list_files(dicom_dir: str | Path) -> pd.DataFrame:
    """One row for each image and folder on disk, columns `DISK_COLUMNS`; `image_id` is empty where no name gives one.

    The hash covers names, sizes and times of change, so a replaced file is noticed without reading it.
    """
    rows = []
    for ptid in find_subjects(dicom_dir):
        for folder, _, _ in os.walk(Path(dicom_dir) / ptid):
            for (image, form), entries in group_files(folder).items():
                stats = [(entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in entries]
                relative = Path(folder).relative_to(dicom_dir).as_posix()
                rows.append((ptid, image, relative, form, len(entries), hash_content(stats)[:16]))
    return pd.DataFrame(rows, columns=DISK_COLUMNS).sort_values(["ptid", "folder", "image_id"], ignore_index=True)


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
    """Image files of one folder by (image ID, dcm or nii); the ID stands in the file names or in the folder's."""
    parent = re.fullmatch(r"I(\d+)", Path(folder).name)
    groups: dict[tuple[str, str], list[os.DirEntry]] = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        match = re.fullmatch(r"(.*_I(?P<image>\d+)|.*?)\.(?P<form>dcm|nii|nii\.gz)", entry.name, re.IGNORECASE)
        if match and entry.is_file() and not entry.name.startswith("."):
            image = match["image"] or (parent[1] if parent else "")
            groups.setdefault((image, match["form"].lower()[:3]), []).append(entry)
    return groups
