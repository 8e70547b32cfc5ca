"""Scans of any kind preprocessed as a model's own cohort was, each with its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ldae.cohort.series.conversion import convert_series
from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.nifti import orientation_of
from ldae.config.preprocessing import PreprocessingConfig, QCConfig
from ldae.errors import UserError, UserErrors
from ldae.files import hash_content, read_record, write_record
from ldae.pool import run_items
from ldae.preprocessing.brain_mask import engine_record
from ldae.preprocessing.grid import model_grid
from ldae.preprocessing.inputs import ScanInput
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.mask_limits import MaskLimits
from ldae.preprocessing.recognition import Recognition, recognise, write_recognised
from ldae.preprocessing.scan import preprocess_scan, versions
from ldae.preprocessing.verdict import LIMITS, judge
from ldae.scratch import scratch_folder

ERROR, FAIL = "error", "fail"
ANOTHER = "give another --out, or replace it with --overwrite"


@dataclass(frozen=True)
class Settings:
    """How the model's cohort was preprocessed and judged; `code` is the hash of what makes an image."""

    preprocessing: PreprocessingConfig
    qc: QCConfig
    code: str


@dataclass(frozen=True)
class PrepareJob:
    """One scan to preprocess below `output_dir`; `key` is the hash of all that the result depends on."""

    scan: ScanInput
    output_dir: str
    settings: Settings
    key: str

    @property
    def files(self) -> ScanFiles:
        """Where the derivative lies."""
        return ScanFiles.of(self.output_dir, self.scan.subject, self.scan.session)


@dataclass(frozen=True)
class Prepared:
    """One scan and its verdict (pass, warn, fail, or error without an image) with the reason."""

    scan: ScanInput
    files: ScanFiles
    key: str
    status: str
    reason: str
    numbers: dict[str, float]

    @property
    def usable(self) -> bool:
        """Whether a model may be given it."""
        return self.status not in (ERROR, FAIL)


def plan_scans(
    scans: Sequence[ScanInput], output_dir: str | Path, settings: Settings, overwrite: bool
) -> list[PrepareJob]:
    """A job for each scan.

    Raises
    ------
    UserErrors
        The derivative holds other scans under these names, or the same with other settings, and `overwrite` is not set.
    UserError
        The engine that finds the brain is absent.
    """
    made_by = [engine_record(settings.preprocessing), versions(), settings.code, settings.qc.model_dump()]
    parameters = settings.preprocessing.model_dump(exclude={"timeout_s"})
    jobs, errors = [], []
    for scan in scans:
        key = "" if scan.fault else hash_content([scan.hash(), parameters, made_by])
        job = PrepareJob(scan, str(output_dir), settings, key)
        earlier = read_record(job.files.sidecar)
        if earlier and earlier.get("Key") not in ("", key) and not overwrite:
            found = "one of another input, or of other settings"
            errors.append(UserError(job.files.sidecar, f"no scan, or the one of {scan.source}", found, ANOTHER))
        jobs.append(job)
    if errors:
        raise UserErrors(errors)
    return jobs


def prepare_scans(jobs: Sequence[PrepareJob], workers: int) -> list[Prepared]:
    """Preprocess every scan that is not there yet, in separate processes, and judge them all, in the order given."""
    done: dict[str, Prepared] = {}
    sound = []
    for job in jobs:
        sidecar = None if job.scan.fault else job.files.kept(job.key)
        if job.scan.fault:
            done[job.scan.name] = _prepared(job, None, job.scan.fault)
        elif sidecar is None:
            sound.append(job)
        else:
            done[job.scan.name] = _prepared(job, sidecar, "")
    if sound:
        timeout_s = sound[0].settings.preprocessing.timeout_s
        for outcome in run_items(prepare_item, sound, workers=workers, timeout_s=timeout_s, label="preprocess"):
            done[outcome.item.scan.name] = _prepared(outcome.item, outcome.result, outcome.error)
    return [done[job.scan.name] for job in jobs]


def prepare_item(job: PrepareJob) -> dict:
    """Convert, recognise or preprocess one scan, in a worker; the sidecar.

    What a DICOM folder is converted to, face and all, is not kept.
    """
    config, given, found = job.settings.preprocessing, job.scan.source, Recognition()
    if job.scan.kind == "nifti":
        _check_orientation(given)
        found = recognise(given, model_grid(config), job.settings.qc)
        if found.brain is not None:
            return write_recognised(found, given, job.files, config, job.key)
    with scratch_folder() as scratch:
        dicom = job.scan.kind == "dicom"
        source = convert_series(job.scan.files, scratch, config.timeout_s) if dicom else given
        try:
            sidecar = preprocess_scan(source, job.files, config, MaskLimits.of(job.settings.qc))
        except UserError as error:
            why = f"; it is on the model's grid, but not preprocessed: {found.reason}" if found.reason else ""
            where = given if error.where == str(source) else error.where
            raise UserError(where, error.expected, error.found + why, error.cure) from None
    sidecar |= {"Sources": [given.as_posix()], "SourceSHA256": job.scan.hash(), "Key": job.key}
    write_record(job.files.sidecar, sidecar)
    return sidecar


def limits_of(numbers: dict[str, float]) -> list[tuple[str, str]]:
    """The limits that these numbers can be held against: of a recognised scan fewer than of a raw one."""
    return [limit for limit in LIMITS if limit[0] in numbers]


def _prepared(job: PrepareJob, sidecar: dict | None, error: str) -> Prepared:
    if sidecar is None:
        return Prepared(job.scan, job.files, job.key, ERROR, " ".join(error.split()), {})
    numbers = sidecar["QC"]
    status, reason = judge(numbers, job.settings.qc, limits_of(numbers))
    return Prepared(job.scan, job.files, job.key, status, reason, numbers)


def _check_orientation(path: Path) -> None:
    try:
        orientation_of(path)
    except BrokenSeries as error:
        expected = "a NIfTI image whose header tells left from right"
        raise UserError(path, expected, str(error), error.cure) from None
