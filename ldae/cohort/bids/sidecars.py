"""The JSON files beside the images; imports nothing that Snakemake's own environment may lack."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ldae.cohort.bids.values import MISSING
from ldae.cohort.series.contrast import other_contrast
from ldae.files import read_json, read_record

AGENT_ELEMENTS = r"ContrastAgent|ContrastBolus(Agent|Ingredient|Volume|TotalDose|Route)\w*"
NO_AGENT = r"no|none|no[tn]?[ _-]?(contrast|agent|used|given).*|without.*|pre"
# GDC is a correction for gradient distortion.
AGENT_WORDS = (
    r"(?<!no)(?<!non)(?<!pre)(?<!without)(gad|gd(?!c))|postcontrast|withcontrast|contrastenhanced|^contrast$|\+c$"
)
SECONDS = ("EchoTime", "InversionTime", "RepetitionTime")  # in BIDS; DICOM has milliseconds


class JsonFacts(NamedTuple):
    """What the choice takes of JSON files: a contrast agent, words of ImageType, and why the contrast is another."""

    has_agent: bool
    image_type: tuple[str, ...]
    other_contrast: str


def read_sidecar(image: str | Path, bids_dir: str | Path) -> dict:
    """Content of the dataset's `T1w.json`, and over it of the JSON file beside an image; empty if there is neither.

    Raises
    ------
    ValueError
        One is not a JSON object in UTF-8.
    """
    content: dict = {}
    for path in _places(Path(image), Path(bids_dir)):
        if path.is_file():
            own = read_json(path)
            if not isinstance(own, dict):
                raise ValueError(f"{path.name} is not a JSON object")
            content |= own
    return content


def read_facts(image: str | Path, bids_dir: str | Path) -> JsonFacts:
    """What the choice among a session's images takes of JSON files.

    Damaged files say nothing here; `labels` names them.
    """
    content: dict = {}
    for path in _places(Path(image), Path(bids_dir)):
        content |= read_record(path) or {}
    return JsonFacts(has_agent(content), _words(content.get("ImageType")), other_contrast(_finder(content)))


def names_agent(entities: dict[str, str]) -> bool:
    """Whether a file's name tells of a contrast agent: ``ce-gd``, or words like ``acq-postgd``."""
    if "ce" in entities:
        return _says(entities["ce"])
    return any(re.search(AGENT_WORDS, entities.get(name, "").lower()) for name in ("acq", "rec", "desc"))


def _places(image: Path, root: Path) -> tuple[Path, Path]:
    return root / "T1w.json", image.with_name(f"{image.name.removesuffix('.gz').removesuffix('.nii')}.json")


def has_agent(content: dict) -> bool:
    """Whether an agent is named; where it is denied, its volume and route stand for nothing."""
    said = {name: value for name, value in content.items() if re.fullmatch(AGENT_ELEMENTS, name)}
    named = [value for name, value in said.items() if re.search("Agent|Ingredient", name)]
    denied = any(isinstance(value, str) and _denies(value) for value in named)
    return any(map(_says, named if denied else said.values()))


def _says(value: object) -> bool:
    """Whether a value tells of a contrast agent."""
    if isinstance(value, list):
        return any(map(_says, value))
    if isinstance(value, str):
        return value.strip().lower() not in MISSING and not _denies(value)
    return bool(value)


def _denies(value: str) -> bool:
    return re.fullmatch(NO_AGENT, value.strip().lower()) is not None


def _words(value: object) -> tuple[str, ...]:
    """The words of an element that DICOM separates by backslashes and JSON lists."""
    words = value.split("\\") if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(map(str, words))


def _finder(content: dict) -> Callable:
    """Find elements as in a DICOM header; dcm2niix joins the words of ScanningSequence, GR_IR."""

    def find(element: str, convert: Callable, default: Any) -> Any:
        value = content.get(element)
        if element == "ScanningSequence" and isinstance(value, str):
            value = re.split(r"[\\_]", value)
        try:
            found = default if value is None else convert(value)
            return found * 1000 if element in SECONDS else found
        except (TypeError, ValueError):
            return default

    return find
