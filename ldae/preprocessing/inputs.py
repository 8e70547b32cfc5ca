"""What a user names as input, as single scans: NIfTI files, DICOM folders, BIDS datasets and tables of paths."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ldae.cohort.bids.choice import order
from ldae.cohort.bids.images import LABEL, NAME, ONLY_SESSION, list_images
from ldae.cohort.bids.layout import find_images
from ldae.cohort.series.conversion import is_dicom
from ldae.errors import UserError, UserErrors
from ldae.files import hash_content, hash_file, read_table

NIFTI = (".nii", ".nii.gz")
EXPECTED = "a NIfTI file, a DICOM folder, a BIDS dataset, or a CSV with a column path"
PREPROCESSED = r"_desc-preproc(_|$)"  # on the model's grid, that of no raw scan: judged by its voxels, later
DERIVED = rf"_desc-(?!preproc){LABEL}"  # of a derivative, what is no scan: masks, pictures, edited scans


@dataclass(frozen=True)
class ScanInput:
    """One scan to work on, under the labels it gets in the derivative; `fault` says why it cannot be used."""

    subject: str
    session: str
    source: Path
    kind: Literal["nifti", "dicom"]
    fault: str = ""

    @property
    def name(self) -> str:
        """Its name in the derivative."""
        return f"sub-{self.subject}_ses-{self.session}"

    @property
    def files(self) -> list[Path]:
        """Of a DICOM folder the files of the series, sorted by name; else the one file."""
        if self.kind == "nifti":
            return [self.source]
        return [path for path in sorted(self.source.iterdir()) if path.is_file() and is_dicom(path)]

    def hash(self) -> str:
        """Hash of the content, wherever it lies."""
        return hash_content([hash_file(path) for path in self.files])


def find_inputs(paths: Sequence[str | Path]) -> list[ScanInput]:
    """The scans that these paths hold, each with labels of its own.

    A NIfTI file keeps the labels of a BIDS name; another name becomes the subject's label, as does that of a DICOM
    folder. In a folder without a BIDS dataset every folder that holds DICOM files is one scan; without those, every
    NIfTI file in it. A CSV has a column path, relative to the CSV, and may have the columns subject and session. No
    label is read from a header.

    Raises
    ------
    UserError, UserErrors
        A path is absent or holds no scan, or two scans have the same labels.
    """
    found, errors = [], []
    for path in map(Path, paths):
        try:
            found += list(_scans_at(path))
        except UserError as error:
            errors.append(error)
    if errors:
        raise UserErrors(errors)
    return _with_own_labels(list({scan.source.resolve(): scan for scan in found}.values()))


def _scans_at(path: Path) -> Iterator[ScanInput]:
    if not path.exists():
        raise UserError(path, EXPECTED, "no such file or folder", "correct the path")
    if path.is_dir():
        yield from _scans_in(path)
    elif path.name.endswith(NIFTI):
        yield _of_nifti(path)
    elif path.suffix.lower() in (".csv", ".tsv"):
        yield from _scans_of_table(path)
    elif is_dicom(path):
        raise UserError(path, EXPECTED, "one file of a DICOM series", "give the folder with all its files")
    else:
        raise UserError(path, EXPECTED, "another kind of file", "convert it to NIfTI")


def _scans_in(folder: Path) -> Iterator[ScanInput]:
    if any(find_images(folder)):
        yield from _scans_of_bids(folder)
        return
    series = [Path(home) for home, _, names in sorted(os.walk(folder)) if any(is_dicom(Path(home, n)) for n in names)]
    for home in series:
        yield ScanInput(_label((folder if len(series) == 1 else home).resolve().name), ONLY_SESSION, home, "dicom")
    if not series:
        files = [path for path in sorted(folder.iterdir()) if path.name.endswith(NIFTI)]
        if not files:
            raise UserError(folder, EXPECTED, "a folder without any of these", "correct the path")
        yield from map(_of_nifti, files)


def _scans_of_bids(folder: Path) -> Iterator[ScanInput]:
    for (subject, session), images in list_images(folder).items():
        scans = [image for image in images if not re.search(DERIVED, image.entities)]
        if scans:
            first = order(scans)[0]
            later = re.search(PREPROCESSED, first.entities) and first.path.exists()
            fault = f"{first.fault}; {first.cure}" if first.fault and not later else ""
            yield ScanInput(_label(subject), _label(session), first.path, "nifti", fault)


def _scans_of_table(table: Path) -> Iterator[ScanInput]:
    rows = read_table(table, ("path",), dtype=str, keep_default_na=False)
    if rows.empty:
        raise UserError(table, "a path in each row", "no row", "list the scans in the column path")
    errors = []
    for row in rows.to_dict("records"):
        try:
            for scan in _scans_at(table.parent / row["path"]):
                subject, session = (_label(row.get(name) or getattr(scan, name)) for name in ("subject", "session"))
                yield replace(scan, subject=subject, session=session)
        except UserError as error:
            errors.append(error)
    if errors:
        raise UserErrors(errors)


def _of_nifti(path: Path) -> ScanInput:
    match = re.fullmatch(NAME, path.name)
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    subject, session = (match["subject"], match["session"]) if match else (_label(stem), "")
    return ScanInput(subject, session or ONLY_SESSION, path, "nifti")


def _label(text: str) -> str:
    """The letters, digits and plus signs of a text, which are all that a label may hold."""
    return re.sub(r"[^0-9A-Za-z+]", "", text.removeprefix("sub-").removeprefix("ses-")) or "scan"


def _with_own_labels(scans: list[ScanInput]) -> list[ScanInput]:
    """Scans whose labels are others' too get the name of their folder before their own."""
    doubled = _doubled(scan.name.lower() for scan in scans)
    renamed = [
        replace(scan, subject=_label(scan.source.resolve().parent.name) + scan.subject)
        if scan.name.lower() in doubled
        else scan
        for scan in scans
    ]
    again = _doubled(scan.name.lower() for scan in renamed)
    same = [scan for scan in renamed if scan.name.lower() in again]
    if same:
        found = (
            f"{same[0].name} for {' and '.join(str(s.source) for s in same if s.name.lower() == same[0].name.lower())}"
        )
        cure = "list them in a CSV with the columns path, subject, session"
        raise UserError("the inputs", "another name for each scan", found, cure)
    return renamed


def _doubled(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}
