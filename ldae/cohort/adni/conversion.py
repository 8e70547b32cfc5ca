"""BIDS conversion of one shard: each subject checked, converted by Clinica alone, verified, moved into place.

What is kept between runs is how each image ended, under a key of everything that decides it: the image files, the rows
that choose among them (`selection.selection_tables`), the programs and the code. Diagnosis, age and all else that a
visit says is not looked at here; `merge` adds it. Which series is chosen is told in `selection`.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from ldae.cohort.adni.names import MERGE, label_of, session_of
from ldae.cohort.adni.selection import explain, selection_tables, show
from ldae.cohort.adni.tables import hash_tables, read_tables
from ldae.cohort.adni.timeline import MAX_DAYS_FROM_VISIT, place_visits
from ldae.cohort.clinica import ConversionFailed, image_files, link_images, run_clinica, write_clinical
from ldae.cohort.columns import IMAGE_COLUMNS
from ldae.cohort.programs import find_program
from ldae.cohort.series.converted import RefusedVolume, accept_volume
from ldae.cohort.series.dicom import check_series
from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.nifti import check_nifti
from ldae.cohort.series.orientation import Stack, dicom_stack, nifti_stack
from ldae.files import hash_content, read_json, read_table, write_json, write_table
from ldae.pool import run_items

logger = logging.getLogger(__name__)

FAILED_CURE = "see the reason; the other subjects are not affected"
COPIED = ("session", "image_id", "series_id", "field_strength_t", "visit", "scan_date", "sequence", "source")


@dataclass(frozen=True)
class SubjectConversion:
    """One subject's conversion: its images in the inventory, its clinical rows, and where results go."""

    ptid: str
    images: list[dict]
    tables: dict[str, pd.DataFrame]
    dicom_dir: str
    bids_dir: str
    state_dir: str
    timeout_s: float
    key: str

    @property
    def name(self) -> str:
        """Name of the subject's BIDS folder."""
        return f"sub-{label_of(self.ptid)}"


def convert_shard(
    inventory: str | Path,
    manifest: str | Path,
    dicom_dir: str | Path,
    clinical_dir: str | Path,
    bids_dir: str | Path,
    state_dir: str | Path,
    *,
    timeout_s: float,
    code: str,
    workers: int,
) -> None:
    """Convert every subject of a shard.

    Writes to `manifest` one row per image, columns `IMAGE_COLUMNS`. A subject that fails is a row with its reason and
    stops nobody.

    Raises
    ------
    UserError
        Clinica or dcm2niix is not installed, or the tables are unusable.
    """
    find_program("clinica"), find_program("dcm2niix")
    images = read_table(inventory, dtype=str, keep_default_na=False)
    tables = read_tables(clinical_dir)
    versions = [version("clinica"), version("dcm2niix")]
    jobs = []
    for ptid, group in images.groupby("ptid"):
        rows = group.drop(columns=["shard"]).to_dict("records")
        of_subject = tables.of_subject(str(ptid))
        of_subject[MERGE] = place_visits(str(ptid), of_subject[MERGE], rows)
        key = hash_content([rows, hash_tables(selection_tables(of_subject)), versions, code])
        places = (str(dicom_dir), str(bids_dir), str(state_dir))
        jobs.append(SubjectConversion(str(ptid), rows, of_subject, *places, timeout_s, key))
    ended: list[dict] = []
    for outcome in run_items(convert_subject, jobs, workers=workers, timeout_s=timeout_s + 120, label="convert"):
        job, rows = outcome.item, outcome.result
        if outcome.error:
            _clear(job)
            rows = [_row(job, image, _ended("failed", outcome.error, FAILED_CURE)) for image in job.images]
        ended += rows
    table = pd.DataFrame(ended, columns=IMAGE_COLUMNS)
    write_table(manifest, table.sort_values(["subject", "session", "image_id"], ignore_index=True))


def convert_subject(job: SubjectConversion) -> list[dict]:
    """Convert one subject, or keep its images, and return a row per image, columns `IMAGE_COLUMNS`."""
    state = Path(job.state_dir) / f"{label_of(job.ptid)}.json"
    ends = _kept(state, job.key)
    if ends is None:
        state.unlink(missing_ok=True)
        _clear(job)
        ends = _convert(job)
        sizes = {end["path"]: Path(end["path"]).stat().st_size for end in ends.values() if end["path"]}
        if all(end["status"] != "failed" for end in ends.values()):
            write_json(state, {"key": job.key, "ends": ends, "sizes": sizes})
    else:
        logger.info("the images of %s are unchanged", job.name)
    return [_row(job, image, ends[image["image_id"]]) for image in job.images]


def _kept(state: Path, key: str) -> dict[str, dict] | None:
    """How each image ended in an earlier conversion of the very same inputs whose results are all still there."""
    if not state.is_file():
        return None
    earlier = read_json(state)
    if earlier["key"] != key:
        return None
    whole = all(Path(path).is_file() and Path(path).stat().st_size == size for path, size in earlier["sizes"].items())
    return earlier["ends"] if whole else None


def _clear(job: SubjectConversion) -> None:
    """Remove what an interrupted conversion of the subject left, and its folder in the BIDS dataset."""
    for stale in Path(job.state_dir).glob(f".partial-{job.name}-*"):
        shutil.rmtree(stale)
    shutil.rmtree(Path(job.bids_dir) / job.name, ignore_errors=True)


def _convert(job: SubjectConversion) -> dict[str, dict]:
    """Convert into a scratch folder beside the state, and move the subject's folder into place as a whole."""
    Path(job.state_dir).mkdir(parents=True, exist_ok=True)
    Path(job.bids_dir).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=job.state_dir, prefix=f".partial-{job.name}-") as scratch:
        work = Path(scratch).resolve()
        stacks, ends = _look_at_images(job)
        facts = selection_tables(job.tables)
        shown, hidden = show([image for image in job.images if image["image_id"] in stacks], facts)
        ends |= {name: _ended("unselected", *why) for name, why in hidden.items()}
        if shown:
            link_images(shown, job.dicom_dir, work / "dicom")
            write_clinical(facts, shown, work / "clinical")
            try:
                selected = run_clinica(work / "dicom", work / "clinical", work / "bids", job.timeout_s)
            except ConversionFailed as error:
                return ends | {image["image_id"]: _ended("failed", str(error), FAILED_CURE) for image in shown}
            viscodes = dict(zip(selected["Image_ID"], selected["VISCODE"], strict=True))
            choices, reasons = explain(shown, viscodes, facts)
            ends |= {name: _ended("unselected", *why) for name, why in reasons.items()}
            for image in (image for image in shown if image["image_id"] in viscodes):
                name = image["image_id"]
                ends[name] = _verify(job, image, viscodes[name], stacks[name], work / "bids") | {
                    "choice": choices[name]
                }
        if any(end["status"] == "converted" for end in ends.values()):
            for table in (work / "bids" / job.name).glob("*.tsv"):
                table.unlink()  # Clinica's, with dates and laboratory values; the rule bids writes what is needed
            (work / "bids" / job.name).rename(Path(job.bids_dir) / job.name)
    return ends


def _look_at_images(job: SubjectConversion) -> tuple[dict[str, Stack], dict[str, dict]]:
    """The sound sources by image ID, and how the others ended: a download can change after its check."""
    stacks, ends = {}, {}
    for image in job.images:
        name = image["image_id"]
        try:
            files = image_files(image, job.dicom_dir)
            if image["format"] == "dcm":
                check_series(files, job.ptid)
                stacks[name] = dicom_stack(files)
            else:
                check_nifti(files)
                stacks[name] = nifti_stack(files[0])
        except BrokenSeries as error:
            ends[name] = _ended("broken", str(error), error.cure)
    return stacks, ends


def _verify(job: SubjectConversion, image: dict, viscode: str, stack: Stack, bids: Path) -> dict:
    """How an image that Clinica selected ended; a session that does not hold is removed from the new dataset."""
    session = f"ses-{session_of(viscode)}"
    name = f"{job.name}_{session}_T1w.nii.gz"
    visits = job.tables[MERGE]
    examined = visits.loc[visits["VISCODE"] == viscode, "EXAMDATE"].iloc[0]
    days = abs((pd.Timestamp(image["scan_date"]) - pd.Timestamp(examined)).days)
    try:
        if days > MAX_DAYS_FROM_VISIT:
            raise RefusedVolume(f"the scan is {days} days away from the visit {viscode} that Clinica gave it")
        orientation = accept_volume(bids / job.name / session / "anat", name, stack)
    except RefusedVolume as error:
        shutil.rmtree(bids / job.name / session, ignore_errors=True)
        return _ended("failed", str(error), FAILED_CURE)
    path = Path(job.bids_dir) / job.name / session / "anat" / name
    return _ended("converted") | {
        "viscode": viscode,
        "path": path.as_posix(),
        "slices": stack.shape[2],
        "orientation": f"{orientation} ({'DICOM' if image['format'] == 'dcm' else 'NIfTI'} header)",
    }


def _ended(status: str, reason: str = "", cure: str = "") -> dict:
    """How an image ended: the columns of its row that the conversion decides."""
    empty = dict.fromkeys(("choice", "orientation", "path", "slices", "viscode"), "")
    return {"status": status, "reason": reason, "cure": cure} | empty


def _row(job: SubjectConversion, image: dict, end: dict) -> dict:
    row = {name: image[name] for name in COPIED} | {"subject": label_of(job.ptid)} | end
    return row | ({"session": session_of(end["viscode"])} if end["status"] == "converted" else {})
