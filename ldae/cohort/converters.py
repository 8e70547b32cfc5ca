"""One run of one of Clinica's converters other than ADNI's, for a whole download, into a fresh folder.

Two runs into one folder lose rows of its tables, so the whole download is one job. Exit code 0 does not mean complete:
subjects' folders of the download that gave no subject are set aside here, and `index` looks at every image. What
Clinica prints and writes quotes names of files, headers and tables; it stays in a scratch folder, and what leaves it is
cut down by `bids.blanking`.

Of OASIS-1 Clinica 0.12 reads PROCESSED/MPRAGE/SUBJ_111, the mean of a session at 1 mm in the subject's own
space, not the atlas images of T88_111. They show the whole head, so preprocessing is that of any other scan. Analyze
files do not say where left is; Clinica gives them all the same affine, and that alone is what is known.
"""

from __future__ import annotations

import logging
import re
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd

from ldae.cohort.bids.blanking import keep_needed
from ldae.cohort.bids.layout import check_dataset
from ldae.cohort.columns import QUARANTINE_COLUMNS
from ldae.cohort.disk import place_of
from ldae.cohort.programs import clinica_environment, find_program, kinds_said
from ldae.errors import UserError
from ldae.files import move_folder, write_table, write_text
from ldae.program import run_program
from ldae.scratch import scratch_folder

logger = logging.getLogger(__name__)

# A subject's folder at the top of a download, and the label that Clinica 0.12 gives the subject (its study_models.py).
# Of OASIS it converts MR1 alone; the second scans of its reliability set are left.
CODE = r"\d{1,5}|\d_S_\d{4}|OAS1_\d{4}_MR\d|OAS2_\d{4}_MR\d|OAS3\d{4}_[A-Za-z]+_d\d{4}"  # names no person or day
FOLDERS = {
    "aibl": (r"(\d+)", r"AIBL\1"),
    "nifd": (r"(\d)_S_(\d{4})", r"NIFD\1S\2"),
    "oasis": (r"OAS1_(\d{4})_MR1", r"OASIS1\1"),
    "oasis2": (r"OAS2_(\d{4})_MR\d+", r"OAS2\1"),
    "oasis3": (r"(OAS3\d{4})_.*", r"\1"),
}


def convert_download(
    source: str,
    dataset: str | Path,
    clinical: str | Path,
    bids_dir: str | Path,
    *,
    arguments: list[str],
    timeout_s: float,
    lost: str | Path,
    log: str | Path,
) -> None:
    """Run ``clinica convert <source>-to-bids`` and move its result to `bids_dir` as a whole.

    Parameters
    ----------
    source : the converter's name
    dataset, clinical : the download and its tables
    bids_dir : BIDS dataset to write; must be absent or empty
    arguments : of the converter, with the placeholders {dataset}, {clinical} and {bids}
    timeout_s : seconds it may take for each folder at the top of the download
    lost : table of the download's folders that gave no subject, columns `QUARANTINE_COLUMNS`
    log : how Clinica ended, and by which kinds of errors

    Raises
    ------
    UserError
        Clinica ended with an error, took too long, or left no BIDS dataset.
    """
    with scratch_folder() as scratch:
        target = scratch / "bids"
        places = {"dataset": Path(dataset), "clinical": Path(clinical), "bids": target}
        filled = [text.format(**{name: path.resolve() for name, path in places.items()}) for text in arguments]
        folders = sum(path.is_dir() for path in Path(dataset).iterdir())
        _run_clinica([f"{source}-to-bids", *filled], timeout_s * max(1, folders), scratch, Path(log))
        try:
            check_dataset(target)
        except UserError as error:
            expected, cure = f"a BIDS dataset with T1w images from {source}-to-bids", by_hand(source)
            raise UserError(dataset, expected, error.found, cure) from None
        keep_needed(target, source)
        rows = list_lost(source, dataset, {path.name.removeprefix("sub-") for path in target.glob("sub-*")})
        Path(bids_dir).parent.mkdir(parents=True, exist_ok=True)
        move_folder(target, bids_dir)
    for row in rows.itertuples(index=False):
        logger.warning("%s: %s", row.image_id, row.reason)
    write_table(lost, rows)


def list_lost(source: str, dataset: str | Path, subjects: set[str]) -> pd.DataFrame:
    """The folders at the top of a download that gave none of `subjects` (labels), columns `QUARANTINE_COLUMNS`.

    One whose name is no code of the study is told by its position.
    """
    rows = []
    pattern, template = FOLDERS.get(source, (".*", ""))
    entries = sorted(Path(dataset).iterdir()) if source in FOLDERS else []
    for folder in (path for path in entries if path.is_dir() and not path.name.startswith(".")):
        match = re.fullmatch(pattern, folder.name)
        code = re.sub(r"\W|_", "", folder.name) if re.fullmatch(CODE, folder.name) else ""
        label = match.expand(template) if match else code
        if label not in subjects:
            told = folder.name if re.fullmatch(CODE, folder.name) else place_of(folder, dataset)
            did = "made no subject of this folder" if match else "does not take this folder"
            cure = by_hand(source) if match else "none, if it is not a subject's first scan"
            values = {"subject": label, "image_id": told, "reason": f"{source}-to-bids {did}", "cure": cure}
            rows.append(dict.fromkeys(QUARANTINE_COLUMNS, "") | values)
    return pd.DataFrame(rows, columns=QUARANTINE_COLUMNS)


def by_hand(source: str) -> str:
    """The cure where Clinica says what is wrong in words that may name people."""
    return f"run `clinica convert {source}-to-bids` yourself, into a folder of yours, to read what it says"


def _run_clinica(arguments: list[str], timeout_s: float, scratch: Path, log: Path) -> None:
    command = [str(find_program("clinica")), "convert", *arguments]
    printed, places = scratch / "printed", scratch / "log"
    places.mkdir()
    with printed.open("w", encoding="utf-8") as stream:
        options: dict[str, Any] = {"env": clinica_environment(places), "cwd": places}
        try:
            done = run_program(command, timeout_s, stdout=stream, stderr=subprocess.STDOUT, **options)
            ended = f"code {done.returncode}"
        except subprocess.TimeoutExpired:
            ended = f"more than {timeout_s:.0f} s"
    ended += f", {kinds_said(printed.read_text(encoding='utf-8', errors='replace'))}" if ended != "code 0" else ""
    write_text(log, f"clinica convert {arguments[0]} ended with {ended}\n")
    if ended != "code 0":
        cure = by_hand(arguments[0].removesuffix("-to-bids"))
        raise UserError(f"clinica convert {arguments[0]}", "to end with code 0", ended, cure)
