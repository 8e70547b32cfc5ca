"""The JSON files beside the images; imports nothing that Snakemake's own environment may lack."""

from __future__ import annotations

import re
from pathlib import Path

from ldae.cohort.bids.values import MISSING
from ldae.files import read_json, read_record

AGENT_ELEMENTS = r"ContrastAgent|ContrastBolus(Agent|Ingredient|Volume|TotalDose|Route)\w*"
NO_AGENT = MISSING | {"no", "without", "pre"}
AGENT_WORDS = r"(?<!no)(?<!non)(?<!pre)(gad|gd)|postcontrast|withcontrast|contrastenhanced|^contrast$"


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


def read_facts(image: str | Path, bids_dir: str | Path) -> tuple[bool, tuple[str, ...]]:
    """What the choice among a session's images takes of JSON files: a contrast agent, and the words of ImageType.

    Damaged files say nothing here; `labels` names them.
    """
    content: dict = {}
    for path in _places(Path(image), Path(bids_dir)):
        content |= read_record(path) or {}
    kind = content.get("ImageType") or []
    words = kind.split("\\") if isinstance(kind, str) else kind if isinstance(kind, list) else []
    agent = any(_says(value) for name, value in content.items() if re.fullmatch(AGENT_ELEMENTS, name))
    return agent, tuple(map(str, words))


def names_agent(entities: dict[str, str]) -> bool:
    """Whether a file's name tells of a contrast agent: ``ce-gd``, or words like ``acq-postgd``."""
    if "ce" in entities:
        return _says(entities["ce"])
    return any(re.search(AGENT_WORDS, entities.get(name, "").lower()) for name in ("acq", "rec", "desc"))


def _places(image: Path, root: Path) -> tuple[Path, Path]:
    return root / "T1w.json", image.with_name(f"{image.name.removesuffix('.gz').removesuffix('.nii')}.json")


def _says(value: object) -> bool:
    """Whether a value tells of a contrast agent."""
    if isinstance(value, list):
        return any(map(_says, value))
    return value.strip().lower() not in NO_AGENT if isinstance(value, str) else bool(value)
