"""One run of one of Clinica's converters other than ADNI's, for a whole download, into a fresh folder.

Two runs into one folder lose rows of its tables, so the whole download is one job. The converters end at the first bad
subject, whom `culprits` finds by halves; the others are then converted without it. Exit code 0 does not mean complete:
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
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ldae.cohort.bids.blanking import keep_needed
from ldae.cohort.bids.layout import check_dataset
from ldae.cohort.columns import QUARANTINE_COLUMNS
from ldae.cohort.culprits import find_culprits, link_subjects, list_subjects
from ldae.cohort.disk import place_of
from ldae.cohort.installed import clinica_environment, find_program, kinds_said
from ldae.errors import UserError, say_exit
from ldae.files import move_folder, write_table
from ldae.scratch import scratch_folder
from ldae.subprocesses import find_trouble, run_program

logger = logging.getLogger(__name__)

# A subject's folder at the top of a download, and the label that Clinica 0.12 gives the subject (its study_models.py).
# Of OASIS it converts MR1 alone; the second scans of its reliability set are left.
CODE = r"\d{1,5}|IXI\d{3}|\d_S_\d{4}|OAS1_\d{4}_MR\d|OAS2_\d{4}_MR\d|OAS3\d{4}_[A-Za-z]+_d\d{4}"  # no person, no day
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
        converter = _Converter(source, Path(dataset), Path(clinical), arguments, timeout_s, scratch, Path(log))
        culprits = converter.convert()
        try:
            check_dataset(converter.bids)
        except UserError as error:
            expected, cure = f"a BIDS dataset with T1w images from {source}-to-bids", by_hand(source)
            raise UserError(dataset, expected, error.found, cure) from None
        keep_needed(converter.bids, source)
        made = {path.name.removeprefix("sub-") for path in converter.bids.glob("sub-*")}
        rows = list_lost(source, dataset, made, culprits)
        Path(bids_dir).parent.mkdir(parents=True, exist_ok=True)
        move_folder(converter.bids, bids_dir)
    for row in rows.itertuples(index=False):
        logger.warning("%s: %s", row.image_id, row.reason)
    write_table(lost, rows)


def list_lost(
    source: str, dataset: str | Path, subjects: set[str], culprits: dict[str, str] | None = None
) -> pd.DataFrame:
    """What of a download gave none of `subjects` (labels), columns `QUARANTINE_COLUMNS`.

    These are folders at its top, and `culprits`: who stopped the converter, and how it ended. One whose name is no code
    of the study is told by its position.
    """
    rows = []
    pattern, template = FOLDERS.get(source, (".*", ""))
    entries = sorted(Path(dataset).iterdir()) if source in FOLDERS else []
    left = dict(culprits or {})
    for folder in (path for path in entries if path.is_dir() and not path.name.startswith(".")):
        match = re.fullmatch(pattern, folder.name)
        label = match.expand(template) if match else _code_of(folder.name)
        if label not in subjects:
            told = folder.name if re.fullmatch(CODE, folder.name) else place_of(folder, dataset)
            stopped = next((name for name in left if folder.name.startswith(name)), "")
            did = "made no subject of this folder" if match else "does not take this folder"
            did = _say_stopped(left.pop(stopped)) if stopped else did
            cure = by_hand(source) if match else "none, if it is not a subject's first scan"
            values = {"subject": label, "image_id": told, "reason": f"{source}-to-bids {did}", "cure": cure}
            rows.append(dict.fromkeys(QUARANTINE_COLUMNS, "") | values)
    everyone = sorted(set(list_subjects(source, Path(dataset))) - {""}) if left else []
    for name, fault in left.items():
        told = name if re.fullmatch(CODE, name) else f"({everyone.index(name) + 1} of {len(everyone)})"
        values = {"subject": _code_of(name), "image_id": told, "cure": by_hand(source)}
        reason = f"{source}-to-bids {_say_stopped(fault)}"
        rows.append(dict.fromkeys(QUARANTINE_COLUMNS, "") | values | {"reason": reason})
    return pd.DataFrame(rows, columns=QUARANTINE_COLUMNS)


def by_hand(source: str) -> str:
    """The cure where Clinica says what is wrong in words that may name people."""
    return f"run `clinica convert {source}-to-bids` yourself, into a folder of yours, to read what it says"


def _code_of(name: str) -> str:
    return re.sub(r"\W|_", "", name) if re.fullmatch(CODE, name) else ""


def _say_stopped(fault: str) -> str:
    return f"stops at this subject ({fault}), so the others were converted without it"


@dataclass(frozen=True)
class _Converter:
    """A converter of Clinica and a download."""

    source: str
    dataset: Path
    clinical: Path
    arguments: list[str]
    timeout_s: float
    scratch: Path
    log: Path

    @property
    def bids(self) -> Path:
        """Where it converts to."""
        return self.scratch / "bids"

    def convert(self) -> dict[str, str]:
        """Convert the download, if need be without the subjects that stop the converter, who are returned with why."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        if not (fault := self._run(self.dataset)):
            return {}
        logger.warning("%s-to-bids ended with %s; now who stops it is looked for", self.source, fault)
        files = list_subjects(self.source, self.dataset)
        subjects = sorted(set(files) - {""})
        if not (fault := self._run_part(files, subjects)):  # without folders that have no file
            return {}
        culprits = find_culprits(subjects, lambda part: self._run_part(files, part))
        good = [subject for subject in subjects if subject not in (culprits or ())]
        if culprits is None or (fault := self._run_part(files, good)):
            raise self._failure(fault)
        return culprits

    def _run_part(self, files: dict[str, list[Path]], subjects: Sequence[str]) -> str:
        """How the conversion of some subjects fails; empty if it does not."""
        logger.info("%s-to-bids with %d subjects", self.source, len(subjects))
        shutil.rmtree(self.bids, ignore_errors=True)
        view = self.scratch / "download"
        shutil.rmtree(view, ignore_errors=True)
        view.mkdir()
        link_subjects(files, subjects, self.dataset, view)
        return self._run(view)

    def _run(self, dataset: Path) -> str:
        """How Clinica fails with a download: its exit code and the kinds of its exceptions; empty if it does not."""
        places = {"dataset": dataset, "clinical": self.clinical, "bids": self.bids}
        filled = [text.format(**{name: path.resolve() for name, path in places.items()}) for text in self.arguments]
        command = [str(find_program("clinica")), "convert", f"{self.source}-to-bids", *filled]
        timeout_s = self.timeout_s * max(1, sum(path.is_dir() for path in self.dataset.iterdir()))
        printed, home = self.scratch / "printed", self.scratch / "log"
        home.mkdir(exist_ok=True)
        with printed.open("w", encoding="utf-8") as stream:
            options: dict[str, Any] = {"env": clinica_environment(home), "cwd": home}
            try:
                done = run_program(command, timeout_s, stdout=stream, stderr=subprocess.STDOUT, **options)
            except subprocess.TimeoutExpired:
                raise self._failure(f"more than {timeout_s:.0f} s") from None
        said = printed.read_text(encoding="utf-8", errors="replace")
        fault = f"code {done.returncode}, {kinds_said(said)}" if done.returncode else ""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"clinica convert {self.source}-to-bids ended with {fault or 'code 0'}\n")
        if done.returncode < 0:
            raise self._failure(say_exit(done.returncode))
        if fault and (trouble := find_trouble(said)):
            raise self._failure(trouble)
        return fault

    def _failure(self, fault: str) -> UserError:
        return UserError(f"clinica convert {self.source}-to-bids", "to end with code 0", fault, by_hand(self.source))
