"""Where the clinical tables of a download lie, under their old names or those of LONI since October 2024."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ldae.cohort.adni.names import APOE, DIAGNOSES, MAYO, MERGE, META, QUALITY
from ldae.errors import UserError

# The names of each table, the one that Clinica 0.12 reads first (successors: aramis-lab/clinica issues #1570 to #1598).
NAMES = {
    MERGE: (MERGE,),
    META: (META, "All_Images", "(?:Structural_)?MRI_Images"),
    QUALITY: (QUALITY, "MRIPROT", "MRIQC"),
    MAYO: (MAYO, "MAYOADIRL_MRI_IMAGEQC_12_08_15", "MAYOADIRL_MRI_QUALITY_ADNI3"),
    APOE: (APOE,),
    DIAGNOSES: (DIAGNOSES, "DXSUM_PDXCONV", "DXSUM"),
}
TODAY = {META: "[PREFIX_]All_Images", QUALITY: "MRIPROT", DIAGNOSES: "DXSUM"}
DATE = r"\d{1,2}[A-Za-z]{3}\d{4}|\d{4}(?P<a>[-_.]?)\d\d(?P=a)\d\d|\d{1,2}(?P<b>[-_.])\d{1,2}(?P=b)\d{4}"


class AbsentTable(UserError):
    """No file bears a name of the table."""


@dataclass(frozen=True)
class Source:
    """A file that holds one of the six tables; `legacy` if under the name that Clinica 0.12 reads."""

    path: Path
    legacy: bool


def find_sources(clinical_dir: str | Path, name: str) -> list[Source]:
    """Return the files of a table below a folder, under its preferred name first.

    A name may be followed by a date (``_21Nov2025``, ``_2025-11-21``) and by a browser's `` (1)``; one with a prefix
    (``MYSTUDY_ADNIMERGE_21Nov2025.csv``) counts where the bare name is absent.

    Raises
    ------
    AbsentTable
        No file bears one of its names.
    UserError
        The folder is absent, or the preferred name is there more than once.
    """
    folder = Path(clinical_dir)
    tables = list_tables(folder)
    sources: list[Source] = []
    for position, stem in enumerate(NAMES[name]):
        matches = _match(tables, stem) or _match(tables, rf".+[_-]{stem}")
        if len(matches) > 1 and (name == META or not sources):
            names = ", ".join(str(path.relative_to(folder)) for path in matches)
            cure = "keep the newest, move the others out"
            raise UserError(folder, f"one {name} table", f"{len(matches)}: {names}", cure)
        sources += [Source(path, position == 0) for path in matches]
    if not sources:
        today = TODAY.get(name, name) + "_21Nov2025.csv"
        cure = f"download {today.partition('_21Nov')[0]} from LONI (Study Files, or the image search for All_Images)"
        raise AbsentTable(folder, f"{name}.csv or {today}", f"{len(tables)} CSVs, none of that name", cure)
    return sources


def split_sources(sources: list[Source], name: str) -> tuple[list[Source], list[Source]]:
    """Which of a table's files are read, and which are not: all lists of images, of any other table the first."""
    count = len(sources) if name == META else 1
    return sources[:count], sources[count:]


def list_tables(clinical_dir: str | Path) -> list[Path]:
    """Every CSV below a folder but the hidden ones, sorted.

    Raises
    ------
    UserError
        There is no such folder.
    """
    folder = Path(clinical_dir)
    if not folder.is_dir():
        raise UserError(folder, "the folder with the clinical CSVs", "no such folder", "set cohort.clinical_dir")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".csv" and not path.name.startswith("."))


def _match(tables: list[Path], stem: str) -> list[Path]:
    pattern = re.compile(rf"(?:{stem})(?:[_ .-](?:{DATE}))?(?: ?\(\d+\))?\.csv", re.IGNORECASE)
    return [path for path in tables if pattern.fullmatch(path.name)]
