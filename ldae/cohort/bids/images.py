"""The T1-weighted images of a BIDS dataset, as they lie on disk; nothing is ever written there.

The folders are listed here rather than by pybids or ancpbids: these walk the whole tree with `sourcedata` and
`derivatives` (minutes for a thousand subjects: bids-standard/pybids issue #285), and pass over names that do not follow
the standard in silence, where a user should hear of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ldae.cohort.bids.layout import find_folders, find_images
from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.nifti import check_nifti
from ldae.files import read_json

ONLY_SESSION = "M000"
LABEL = r"[0-9A-Za-z]+"
NAME = rf"sub-(?P<subject>{LABEL})(_ses-(?P<session>{LABEL}))?(?P<entities>(_[a-z]+-{LABEL})*)_T1w\.nii(\.gz)?"


@dataclass(frozen=True)
class Image:
    """One T1w file. `session` is `ONLY_SESSION` where the dataset has no session level; `fault` is empty if sound."""

    subject: str
    session: str
    path: Path
    entities: str = ""
    fault: str = ""
    cure: str = ""

    @property
    def name(self) -> str:
        """The file's name without extension, which stands for an image ID."""
        return self.path.name.removesuffix(".gz").removesuffix(".nii")

    @property
    def rank(self) -> tuple:
        """Where the image stands among those of its session; see `list_images`."""
        others = re.sub(r"_run-[0-9A-Za-z]+", "", self.entities)
        run = re.search(r"_run-(\d+)", self.entities)
        return bool(self.fault), others.count("_"), others, int(run[1]) if run else 0, self.path.name


def list_images(bids_dir: str | Path) -> dict[tuple[str, str], list[Image]]:
    """The T1w images by (subject, session), both without prefix, the one to use first.

    Of several images of a session the sound ones come first, among these the one with the fewest entities besides
    sub, ses and run; then the first by these entities in alphabetical order (acq-a before acq-b), then the lowest run.
    Names that do not follow BIDS have the fault said, and the session of their folder.
    """
    sessions: dict[tuple[str, str], list[Image]] = {}
    for path in find_images(Path(bids_dir)):
        image = _look_at(path, Path(bids_dir))
        sessions.setdefault((image.subject, image.session), []).append(image)
    return {key: sorted(sessions[key], key=lambda image: image.rank) for key in sorted(sessions)}


def list_empty(bids_dir: str | Path) -> list[Image]:
    """The T1w images that a converter meant to write: one for each `anat` folder without any file."""
    empty = []
    for folder in sorted(folder for folder in find_folders(bids_dir) if not any(folder.iterdir())):
        stem = "_".join(folder.relative_to(bids_dir).parts[:-1])
        subject, _, session = stem.removeprefix("sub-").partition("_ses-")
        empty.append(Image(subject, session or ONLY_SESSION, folder / f"{stem}_T1w.nii.gz"))
    return empty


def sidecar_of(image: Image, bids_dir: str | Path) -> dict:
    """Content of the JSON file beside an image, else of the dataset's `T1w.json`; empty if there is neither.

    Raises
    ------
    ValueError
        It is not JSON in UTF-8.
    """
    places = (image.path.with_name(f"{image.name}.json"), Path(bids_dir) / "T1w.json")
    return next((read_json(path) for path in places if path.is_file()), {})


def _look_at(path: Path, root: Path) -> Image:
    """One file with its labels and, if it cannot be used, the reason."""
    folders = path.relative_to(root).parts[:-2]
    subject, session = folders[0].removeprefix("sub-"), folders[1].removeprefix("ses-") if folders[1:] else ""
    image: dict[str, Any] = {"subject": subject, "session": session or ONLY_SESSION, "path": path}
    match = re.fullmatch(NAME, path.name)
    if not match or (match["subject"], match["session"] or "") != (subject, session):
        expected = f"{'_'.join(folders)}[_entity-label]_T1w with labels of letters and digits"
        return Image(**image, fault=f"the name is not {expected}", cure="name folders and file after BIDS")
    image["entities"] = match["entities"]
    if path.is_symlink() and not path.exists():
        return Image(**image, fault="a link to a file that is not here", cure="fetch it (git-annex, DataLad: get)")
    try:
        check_nifti([path])
    except BrokenSeries as error:
        return Image(**image, fault=str(error), cure=error.cure)
    return Image(**image)
