"""Which T1w image of a session is used, and why: by what the headers and JSON files say it is, then by its name.

A T1-weighted image of the head goes before what its JSON file or name calls another kind. One that shows the whole
head in thin slices goes before a slab or a stack of thick slices, one without contrast agent before one with, an
original before what was derived from it, fine voxels before coarse ones. Then the name decides: the fewest entities
besides run, the first in alphabetical order, the first run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ldae.cohort.bids.images import Image
from ldae.cohort.bids.sidecars import names_agent
from ldae.cohort.series.contrast import OTHER_WORDS

SMALLEST_HEAD_MM = 130.0  # an adult brain is about 140 wide and 130 high
THICKEST_SLICE_MM = 2.0  # 3-D acquisitions have 0.7 to 1.5 mm, stacks of slices 3 to 7
DERIVED_ENTITIES = {"desc", "space", "label", "res", "den", "atlas", "seg"}
PART_ENTITIES = ("chunk", "inv")
FREE_ENTITIES = ("acq", "rec", "desc")
OTHER_PARTS = r"slab|neck|[ct]?spine|orbits?|pituitary|sella|iac|carotids?"
SPOILT_WORDS = r"(?<!no)(?<!non)motion(?!corr|less|free)|reject|discard|artefact|artifact|^(bad|poor)"
ALTERED_WORDS = r"defac|refac|stripp|skullstrip|brainextract|brainonly|noskull|masked|^bet$"


class Criterion(NamedTuple):
    """One step of the choice: what is preferred; the rank of an image, the lowest first; what an image has."""

    why: str
    rank: Callable[[Image], Any]
    has: Callable[[Image], str]


def order(images: Sequence[Image], prefer: Sequence[str] = ()) -> list[Image]:
    """The images of one session, the one to use first; broken ones last."""
    criteria = _criteria(prefer)
    sound = [image for image in images if not image.fault]
    sound.sort(key=lambda image: [criterion.rank(image) for criterion in criteria])
    return sound + [image for image in images if image.fault]


def explain(images: Sequence[Image], prefer: Sequence[str] = ()) -> tuple[str, dict[Image, str]]:
    """Why the first image of `order` is used, and by each other sound image why it is not.

    Parameters
    ----------
    images : what `order` returned
    prefer : as it was given to `order`
    """
    used, *others = [image for image in images if not image.fault]
    if not others:
        return ("the only sound T1w image" if images[1:] else "the only T1w image"), {}
    criteria = _criteria(prefer)
    decided = {image: next(step for step in criteria if step.rank(image) != step.rank(used)) for image in others}
    whys = {step: f"{step.why} ({step.has(used)})" for step in criteria if step in decided.values()}
    taken = f"{used.path.name} of this session is used"
    reasons = {image: f"{taken}: {whys[step]}; this one: {step.has(image)}" for image, step in decided.items()}
    return f"first of {1 + len(others)}: {'; '.join(whys.values())}", reasons


def matches(pattern: str, labels: dict[str, str]) -> bool:
    """Whether a name has all entities of a pattern like ``acq-mprage*_rec-norm``, in whatever case of letters."""
    parts = (part.split("-") for part in pattern.lower().split("_"))
    return all(name in labels and fnmatchcase(_plain(labels[name]), _plain(label)) for name, label in parts)


def _criteria(prefer: Sequence[str]) -> tuple[Criterion, ...]:
    preferred = Criterion("cohort.prefer", lambda image: _place(image, prefer), lambda image: _named(image, prefer))
    return (preferred, *BY_HEADER, *BY_NAME)


def _place(image: Image, prefer: Sequence[str]) -> int:
    return next((place for place, pattern in enumerate(prefer) if matches(pattern, image.labels)), len(prefer))


def _named(image: Image, prefer: Sequence[str]) -> str:
    return next((pattern for pattern in prefer if matches(pattern, image.labels)), "none of its names")


def _plain(label: str) -> str:
    """A label in small letters; a number without leading zeros."""
    return str(int(label)) if label.isdecimal() else label.lower()


def _thickest(image: Image) -> float:
    return round(max(image.voxel_mm), 1)


def _slices(image: Image) -> str:
    return f"{' x '.join(f'{size:.2g}' for size in image.voxel_mm)} mm"


def _agent(image: Image) -> str:
    named = names_agent(image.labels)
    return "one by its name" if named else "one by its JSON file" if image.has_agent else "none"


def _no_t1(image: Image) -> str:
    """What the image is instead of a T1-weighted one of the head; empty if neither JSON file nor name says so."""
    if image.labels.get("mt") == "on":
        return "magnetisation transfer, by mt-on in its name"
    return image.other_contrast or _said_by(image, rf"^({OTHER_WORDS}|{OTHER_PARTS})\d*$", "another kind or part")


def _said_by(image: Image, words: str, what: str) -> str:
    """What one of the free entities of the name says with these words; empty if none does."""
    said = (name for name in FREE_ENTITIES if re.search(words, image.labels.get(name, "").lower()))
    return next((f"{what}, by {name}-{image.labels[name]} in its name" for name in said), "")


def _other_kind(image: Image) -> str:
    """What the image is instead of an original of the whole head; empty if nothing says so."""
    if derived := sorted(DERIVED_ENTITIES & set(image.labels)):
        return f"derived, by {derived[0]}- in its name"
    if parts := [name for name in PART_ENTITIES if name in image.labels]:
        return f"a part, by {parts[0]}- in its name"
    if "DERIVED" in map(str.upper, image.image_type):
        return "derived (ImageType)"
    altered = [name for name, label in image.labels.items() if re.search(ALTERED_WORDS, label.lower())]
    return f"defaced or stripped, by {altered[0]}- in its name" if altered else ""


def _number(image: Image, name: str) -> int:
    label = image.labels.get(name, "")
    return int(label) if label.isdecimal() else 0


def _besides_run(image: Image) -> list[str]:
    return [f"{name}-{label}" for name, label in image.labels.items() if name != "run"]


BY_HEADER = (
    Criterion("a T1-weighted head", lambda image: bool(_no_t1(image)), lambda image: _no_t1(image) or "yes"),
    Criterion(
        f"a field of view of {SMALLEST_HEAD_MM:g} mm or more",
        lambda image: min(image.extent_mm) < SMALLEST_HEAD_MM,
        lambda image: f"{' x '.join(f'{size:.0f}' for size in image.extent_mm)} mm",
    ),
    Criterion(
        f"slices of {THICKEST_SLICE_MM:g} mm or less", lambda image: _thickest(image) > THICKEST_SLICE_MM, _slices
    ),
    Criterion("no contrast agent", lambda image: _agent(image) != "none", _agent),
    Criterion("an original image", lambda image: bool(_other_kind(image)), lambda image: _other_kind(image) or "yes"),
    Criterion(
        "no spoilt scan",
        lambda image: bool(_said_by(image, SPOILT_WORDS, "one")),
        lambda image: _said_by(image, SPOILT_WORDS, "spoilt") or "none",
    ),
    Criterion(
        "no echo, or the first", lambda image: _number(image, "echo"), lambda image: f"echo {_number(image, 'echo')}"
    ),
    Criterion("the finest voxels", _thickest, _slices),
)
BY_NAME = (
    Criterion(
        "the fewest entities in the name besides run",
        lambda image: len(_besides_run(image)),
        lambda image: str(len(_besides_run(image))),
    ),
    Criterion("the first name", _besides_run, lambda image: "_".join(_besides_run(image)) or "none"),
    Criterion("the first run", lambda image: _number(image, "run"), lambda image: str(_number(image, "run"))),
    Criterion("the packed file", lambda image: image.path.suffix != ".gz", lambda image: image.path.name),
    Criterion("the first name", lambda image: image.path.name, lambda image: image.path.name),
)
