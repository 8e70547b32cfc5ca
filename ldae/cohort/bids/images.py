"""The T1-weighted images of a BIDS dataset, as they lie on disk; nothing is ever written there.

The folders are listed here rather than by pybids or ancpbids: these walk the whole tree with `sourcedata` and
`derivatives` (minutes for a thousand subjects: bids-standard/pybids issue #285), and pass over names that do not follow
the standard in silence, where a user should hear of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ldae.cohort.bids.layout import find_closed, find_folders, find_images
from ldae.cohort.bids.sidecars import read_facts
from ldae.cohort.series.faults import NOT_WANTED, BrokenSeries
from ldae.cohort.series.nifti import check_nifti, read_nifti_header

ONLY_SESSION = "M000"
LABEL = r"[0-9A-Za-z+]+"
NAME = rf"sub-(?P<subject>{LABEL})(_ses-(?P<session>{LABEL}))?(?P<entities>(_[a-z]+-{LABEL})*)_T1w\.nii(\.gz)?"
STEM = rf"sub-{LABEL}(_[a-z]+-{LABEL})*_[A-Za-z0-9]+"


@dataclass(frozen=True)
class Image:
    """One T1w file. `session` is `ONLY_SESSION` where the dataset has no session level; `fault` is empty if sound.

    Of a sound image the header gives `orientation`, as of `NiftiHeader`, `voxel_mm` and `extent_mm`; of one among
    several of a session JSON files give `has_agent`, a contrast agent, `image_type`, DICOM's words, and
    `other_contrast`, why it is not T1-weighted.
    """

    subject: str
    session: str
    path: Path
    entities: str = ""
    fault: str = ""
    cure: str = ""
    orientation: str = ""
    voxel_mm: tuple[float, ...] = ()
    extent_mm: tuple[float, ...] = ()
    has_agent: bool = False
    image_type: tuple[str, ...] = ()
    other_contrast: str = ""

    @property
    def name(self) -> str:
        """The file's name without extension, which stands for an image ID; of one against BIDS, where it is by name."""
        if re.fullmatch(STEM, stem := self.path.name.removesuffix(".gz").removesuffix(".nii")):
            return stem
        beside = sorted(path.name for path in self.path.parent.iterdir())
        return f"({beside.index(self.path.name) + 1} of {len(beside)})"

    @property
    def labels(self) -> dict[str, str]:
        """The labels by entity, besides sub and ses."""
        return dict(part.split("-", 1) for part in self.entities.split("_")[1:])


def list_images(bids_dir: str | Path) -> dict[tuple[str, str], list[Image]]:
    """The T1w images by (subject, session), both without prefix, in the order of their names.

    Names that do not follow BIDS have the fault said, and the session of their folder. A folder that may not be read
    stands for the images in it. JSON files are read where a
    session has several images.
    """
    sessions: dict[tuple[str, str], list[Image]] = {}
    found = [_look_at(path, Path(bids_dir)) for path in sorted(find_images(Path(bids_dir)))]
    for image in [*found, *_list_closed(bids_dir)]:
        sessions.setdefault((image.subject, image.session), []).append(image)
    return {key: _with_facts(sessions[key], bids_dir) for key in sorted(sessions)}


def list_empty(bids_dir: str | Path) -> list[Image]:
    """The T1w images that a converter meant to write: one for each `anat` folder without any file."""
    open_folders = sorted(set(find_folders(bids_dir)) - set(find_closed(bids_dir)))
    return [_standing_for(folder, Path(bids_dir)) for folder in open_folders if not any(folder.iterdir())]


def list_unit1(bids_dir: str | Path) -> list[Image]:
    """MP2RAGE's uniform images in `anat` folders that have no T1w image."""
    lone = []
    for folder in sorted(find_folders(bids_dir)):
        images = sorted(folder.glob("*_UNIT1.nii*"))
        if images and not any(folder.glob("*_T1w.nii*")):
            subject, session = _labels_of(images[0], Path(bids_dir))
            lone.append(Image(subject, session or ONLY_SESSION, images[0]))
    return lone


def _list_closed(bids_dir: str | Path) -> list[Image]:
    """One image for each folder that may not be read."""
    fault, cure = "its folder may not be read", "allow yourself to read it (chmod)"
    closed = (_standing_for(folder, Path(bids_dir)) for folder in sorted(find_closed(bids_dir)))
    return [replace(image, fault=fault, cure=cure) for image in closed]


def _standing_for(folder: Path, root: Path) -> Image:
    """The image that a folder would have."""
    anat = folder if folder.name == "anat" else folder / "anat"
    subject, session = _labels_of(anat / "image", root)
    stem = f"sub-{subject}" + (f"_ses-{session}" if session else "")
    return Image(subject, session or ONLY_SESSION, folder / f"{stem}_T1w.nii.gz")


def _with_facts(images: list[Image], bids_dir: str | Path) -> list[Image]:
    """The images of a session with what JSON files say of them, if it has several."""
    if not images[1:]:
        return images
    return [replace(image, **read_facts(image.path, bids_dir)._asdict()) for image in images]


def _look_at(path: Path, root: Path) -> Image:
    """One file with its labels and, if it cannot be used, the reason."""
    folders = _folders(path, root)
    subject, session = _labels_of(path, root)
    image: dict[str, Any] = {"subject": subject, "session": session or ONLY_SESSION, "path": path}
    match = re.fullmatch(NAME, path.name)
    if not match or (match["subject"], match["session"] or "") != (subject, session):
        expected = f"{'_'.join(folders)}[_entity-label]_T1w with labels of letters, digits and +"
        return Image(**image, fault=f"the name is not {expected}", cure="name folders and file after BIDS")
    image["entities"] = match["entities"]
    if path.is_symlink() and not path.exists():
        return Image(**image, fault="a link to a file that is not here", cure="fetch it (git-annex, DataLad: get)")
    if part := re.search(r"_part-(phase|real|imag)", match["entities"]):
        return Image(**image, fault=f"no magnitude image, by part-{part[1]} in its name", cure=NOT_WANTED)
    try:
        check_nifti([path])
    except BrokenSeries as error:
        return Image(**image, fault=str(error), cure=error.cure)
    header = read_nifti_header(path)
    voxel_mm = tuple(float(size) for size in np.linalg.norm(header.affine[:3, :3], axis=0))
    extent_mm = tuple(count * size for count, size in zip(header.shape, voxel_mm, strict=True))
    return Image(**image, orientation=header.orientation, voxel_mm=voxel_mm, extent_mm=extent_mm)


def _labels_of(path: Path, root: Path) -> tuple[str, str]:
    """Subject and session by the folders; an empty session where there is no such level."""
    subject, *session = _folders(path, root)
    return subject.removeprefix("sub-"), "".join(session).removeprefix("ses-")


def _folders(path: Path, root: Path) -> list[str]:
    """Names of the subject's and the session's folder; one against BIDS goes by its position."""
    told, here = [], root
    for part in path.relative_to(root).parts[:-2]:
        prefix = part[:4]
        beside = sorted(entry.name for entry in here.glob(f"{prefix}*"))
        good = re.fullmatch(rf"(sub|ses)-{LABEL}", part)
        told.append(part if good else f"{prefix}({beside.index(part) + 1} of {len(beside)})")
        here /= part
    return told
