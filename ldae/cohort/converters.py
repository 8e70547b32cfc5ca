"""One run of one of Clinica's converters other than ADNI's, for a whole download, into a fresh folder.

Two runs into one folder lose rows of its tables, so the whole download is one job. The converters end at the first bad
subject, whom `culprits` finds by halves; the others are then converted without it. Exit code 0 does not mean complete:
subjects' folders of the download that gave no subject are set aside here, and `bids_index` looks at every image.

Of OASIS-1 Clinica 0.12 reads PROCESSED/MPRAGE/SUBJ_111, the mean of a session at 1 mm in the subject's own
space, not the atlas images of T88_111. They show the whole head, so preprocessing is that of any other scan. Analyze
files do not say where left is; Clinica gives them all the same affine, and that alone is what is known.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ldae.cohort.bids.layout import check_dataset
from ldae.cohort.columns import QUARANTINE_COLUMNS
from ldae.cohort.culprits import find_culprits, link_subjects, list_subjects
from ldae.cohort.installed import clinica_environment, find_program
from ldae.errors import UserError, say_exit
from ldae.files import atomic_path, write_table
from ldae.subprocesses import lacks_room, run_program

logger = logging.getLogger(__name__)

# A subject's folder at the top of a download, and the label that Clinica 0.12 gives the subject (its study_models.py).
# Of OASIS it converts MR1 alone; the second scans of its reliability set are left.
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
    log : everything that Clinica prints

    Raises
    ------
    UserError
        Clinica ended with an error, took too long, or left no BIDS dataset; its last words are in the message.
    """
    with atomic_path(bids_dir) as target:
        converter = _Converter(source, Path(dataset), Path(clinical), arguments, timeout_s, Path(log))
        culprits = converter.convert(target)
        try:
            check_dataset(target)
        except UserError as error:
            expected, cure = f"a BIDS dataset with T1w images from {source}-to-bids", f"see {log}; check both folders"
            raise UserError(dataset, expected, error.found, cure) from None
        rows = list_lost(source, dataset, {path.name.removeprefix("sub-") for path in target.glob("sub-*")}, culprits)
    for row in rows.itertuples(index=False):
        logger.warning("%s: %s", row.image_id, row.reason)
    write_table(lost, rows)


def list_lost(
    source: str, dataset: str | Path, subjects: set[str], culprits: dict[str, str] | None = None
) -> pd.DataFrame:
    """What of a download gave none of `subjects` (labels), columns `QUARANTINE_COLUMNS`.

    These are folders at its top, and `culprits`: who stopped the converter, and how it ended.
    """
    rows = []
    pattern, template = FOLDERS.get(source, (".*", ""))
    entries = sorted(Path(dataset).iterdir()) if source in FOLDERS else []
    left = dict(culprits or {})
    for folder in (path for path in entries if path.is_dir() and not path.name.startswith(".")):
        match = re.fullmatch(pattern, folder.name)
        label = match.expand(template) if match else re.sub(r"\W|_", "", folder.name)
        if label not in subjects:
            stopped = next((name for name in left if folder.name.startswith(name)), "")
            did = "made no subject of this folder" if match else "does not take this folder"
            did = _say_stopped(left.pop(stopped)) if stopped else did
            cure = "see results/logs/clinica.log" if match else "none, if it is not a subject's first scan"
            values = {"subject": label, "image_id": folder.name, "reason": f"{source}-to-bids {did}", "cure": cure}
            rows.append(dict.fromkeys(QUARANTINE_COLUMNS, "") | values)
    for name, fault in left.items():
        values = {"subject": re.sub(r"\W|_", "", name), "image_id": name, "cure": "see results/logs/clinica.log"}
        reason = f"{source}-to-bids {_say_stopped(fault)}"
        rows.append(dict.fromkeys(QUARANTINE_COLUMNS, "") | values | {"reason": reason})
    return pd.DataFrame(rows, columns=QUARANTINE_COLUMNS)


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
    log: Path

    def convert(self, bids: Path) -> dict[str, str]:
        """Convert the download, if need be without the subjects that stop the converter, who are returned with why."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        if not (fault := self._run(self.dataset, bids)):
            return {}
        logger.warning("%s-to-bids ended with %s; now who stops it is looked for", self.source, fault)
        files = list_subjects(self.source, self.dataset)
        subjects = sorted(set(files) - {""})

        def try_out(part: Sequence[str]) -> str:
            with tempfile.TemporaryDirectory(dir=bids.parent) as scratch:
                return self._run_part(files, part, Path(scratch) / "bids")

        if not (fault := self._run_part(files, subjects, bids)):  # without folders that have no file
            return {}
        culprits = find_culprits(subjects, try_out)
        good = [subject for subject in subjects if subject not in (culprits or ())]
        if culprits is None or (fault := self._run_part(files, good, bids)):
            raise self._failure(fault)
        return culprits

    def _run_part(self, files: dict[str, list[Path]], subjects: Sequence[str], bids: Path) -> str:
        """How the conversion of some subjects fails; empty if it does not."""
        logger.info("%s-to-bids with %d subjects", self.source, len(subjects))
        shutil.rmtree(bids, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=bids.parent) as scratch:
            view = Path(scratch) / "download"
            view.mkdir()
            link_subjects(files, subjects, self.dataset, view)
            return self._run(view, bids)

    def _run(self, dataset: Path, bids: Path) -> str:
        """How Clinica fails with a download: the kind of its exception, or its exit code; empty if it does not."""
        places = {"dataset": dataset, "clinical": self.clinical, "bids": bids}
        filled = [text.format(**{name: path.resolve() for name, path in places.items()}) for text in self.arguments]
        command = [str(find_program("clinica")), "convert", f"{self.source}-to-bids", *filled]
        logger.info("%s", " ".join(command))
        timeout_s = self.timeout_s * max(1, sum(path.is_dir() for path in self.dataset.iterdir()))
        start = self.log.stat().st_size if self.log.exists() else 0
        with tempfile.TemporaryDirectory() as scratch, self.log.open("a", encoding="utf-8") as stream:
            options: dict[str, Any] = {"env": clinica_environment(Path(scratch)), "cwd": scratch}
            try:
                done = run_program(command, timeout_s, stdout=stream, stderr=subprocess.STDOUT, **options)
            except subprocess.TimeoutExpired:
                raise self._failure(f"more than {timeout_s:.0f} s") from None
        if not done.returncode:
            return ""
        printed = self.log.read_bytes()[start:].decode(errors="replace")
        if done.returncode < 0 or lacks_room(printed):
            raise self._failure(say_exit(done.returncode))
        kinds = re.findall(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Exit|Iteration))\b", printed, re.MULTILINE)
        return kinds[-1] if kinds else f"code {done.returncode}"

    def _failure(self, fault: str) -> UserError:
        words = " ".join(self.log.read_text(encoding="utf-8", errors="replace").split())[-300:]
        cure = "mend what it names in dicom_dir or clinical_dir; other arguments: cohort.converter_arguments"
        return UserError(self.log, f"{self.source}-to-bids to end with code 0", f"{fault}: … {words}", cure)
