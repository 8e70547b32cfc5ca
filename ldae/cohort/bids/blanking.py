"""What a converter made of a download, cut down to what the pipeline reads: its texts may name people and days."""

from __future__ import annotations

import gzip
import logging
import re
import shutil
import zlib
from pathlib import Path

import pandas as pd
from nibabel.wrapstruct import WrapStructError

from ldae.cohort.bids.description import describe
from ldae.cohort.bids.images import LABEL, NAME
from ldae.cohort.bids.layout import find_folders
from ldae.cohort.bids.sidecars import AGENT_ELEMENTS, SECONDS, has_agent
from ldae.cohort.series.converted import blank_text
from ldae.errors import kind_of
from ldae.files import read_record, write_json, write_table

logger = logging.getLogger(__name__)

NUMBERS = (*SECONDS, "MagneticFieldStrength", "DiffusionBValue")
WORDS = ("ImageType", "ScanningSequence")
KNOWN_WORDS = {
    *(
        "ORIGINAL",
        "DERIVED",
        "PRIMARY",
        "SECONDARY",
        "OTHER",
        "LOCALIZER",
        "M",
        "P",
        "PHASE",
        "PHASE MAP",
        "NORM",
        "ND",
    ),
    *("DIS2D", "DIS3D", "MPR", "DIFFUSION", "SE", "IR", "GR", "EP", "RM", "GR_IR", "GR\\IR", "SE_IR", "SE\\IR"),
}
KEYS = ("participant_id", "session_id")
TELLING_COLUMN = r"(?i).*(date|birth|dob|time|name|initial|comment|note|remark|text|address|alternative_id).*"
PLAIN_CELL = r"n/a|[-+]?\d{1,4}(\.\d+)?(e[-+]?\d+)?|[A-Za-z][A-Za-z /+_-]{0,29}"


def keep_needed(bids: Path, title: str) -> None:
    """Remove from a converted dataset everything but T1w images, tables and the JSON elements that are read.

    Text in image headers is blanked, and so are cells of tables that are no number and no plain word. An image that
    cannot be read is emptied, and will be told as such.

    Parameters
    ----------
    bids : root of the dataset, changed in place
    title : of the dataset
    """
    for folder in list(find_folders(bids)):
        _keep_images(folder)
    places = {bids, *bids.glob("sub-*")}
    for path in sorted(bids.rglob("*"), reverse=True):
        if path.is_dir():
            if path.name != "anat" and not any(path.iterdir()):
                path.rmdir()
        elif path.suffix == ".tsv" and path.parent in places:
            _keep_table(path)
        elif path.parent.name != "anat" or not path.name.endswith(("_T1w.nii", "_T1w.nii.gz", "_T1w.json")):
            path.unlink()
    write_json(bids / "dataset_description.json", describe("raw", title, "clinica", "dcm2niix"))


def _keep_images(folder: Path) -> None:
    """Keep the T1w images of an `anat` folder; the folder itself only if it is left with one, or had no file at all."""
    images = [path for path in folder.iterdir() if re.fullmatch(NAME, path.name)]
    if not images and any(folder.iterdir()):
        shutil.rmtree(folder)
    for image in images:
        _blank_image(image)
        sidecar = image.with_name(f"{image.name.removesuffix('.gz').removesuffix('.nii')}.json")
        if sidecar.is_file():
            write_json(sidecar, _needed(read_record(sidecar) or {}))
    kept = {*images, *(path.with_name(path.name.partition(".")[0] + ".json") for path in images)}
    for path in folder.glob("*") if images else ():
        if path not in kept:
            path.unlink() if not path.is_dir() else shutil.rmtree(path)


def _blank_image(path: Path) -> None:
    try:
        content = path.read_bytes()
        blank_text(path, gzip.decompress(content) if path.suffix == ".gz" else content)
    except (EOFError, ValueError, zlib.error, gzip.BadGzipFile, WrapStructError) as error:
        logger.warning("%s cannot be read and is emptied: %s", path.name, kind_of(error))
        path.write_bytes(b"")


def _needed(content: dict) -> dict:
    """The elements of a JSON file that the choice among images reads, without free text."""
    kept = {name: content[name] for name in NUMBERS if isinstance(content.get(name), int | float)}
    for name in WORDS:
        said = content.get(name, [])
        words = [said] if isinstance(said, str) else said if isinstance(said, list) else []
        kept |= {name: known} if (known := [word for word in words if word in KNOWN_WORDS]) else {}
    agents = [name for name in content if re.fullmatch(AGENT_ELEMENTS, name)]
    return kept | ({"ContrastBolusAgent": has_agent(content)} if agents else {})


def _keep_table(path: Path) -> None:
    if path.name != "participants.tsv" and not path.name.endswith("_sessions.tsv"):
        path.unlink()
        return
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    for key in [name for name in KEYS if name in table]:
        table = table[table[key].str.fullmatch(rf"((sub|ses)-)?{LABEL}")]
    for column in [name for name in table if name not in KEYS]:
        if re.fullmatch(TELLING_COLUMN, column):
            table = table.drop(columns=column)
        else:
            table[column] = table[column].where(table[column].str.fullmatch(PLAIN_CELL), "n/a")
    write_table(path, table)
