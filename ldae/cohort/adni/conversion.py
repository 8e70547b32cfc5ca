"""BIDS conversion of one shard: each subject checked, converted by Clinica alone, verified, moved into place.

What is kept between runs is how each image ended, under a key of everything that decides it: the image files, the rows
that choose among them (`selection.selection_tables`), the programs and the code. Diagnosis, age and all else that a
visit says is not looked at here; `merge` adds it. Which series is chosen is told in `selection`.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from ldae.cohort.adni.earlier import EarlierConversion
from ldae.cohort.adni.names import MERGE, label_of, session_of
from ldae.cohort.adni.selection import explain, selection_tables, show
from ldae.cohort.adni.tables import hash_tables, read_tables
from ldae.cohort.adni.timeline import MAX_DAYS_FROM_VISIT, place_visits
from ldae.cohort.clinica import ConversionFailed, link_images, run_clinica, write_clinical
from ldae.cohort.columns import IMAGE_COLUMNS
from ldae.cohort.disk import find_files
from ldae.cohort.installed import find_program
from ldae.cohort.series.converted import RefusedVolume, accept_volume
from ldae.cohort.series.dicom import check_series
from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.nifti import check_nifti
from ldae.cohort.series.orientation import Stack, dicom_stack, nifti_stack
from ldae.files import hash_content, read_table, replace_folder, write_table
from ldae.lock import one_at_a_time
from ldae.pool import finish_items
from ldae.scratch import scratch_folder

logger = logging.getLogger(__name__)

FAILED_CURE = "see the reason; the other subjects are not affected"
NOTHING = pd.DataFrame({"Image_ID": [], "VISCODE": []}, dtype=str)
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
        Clinica or dcm2niix is not installed, the tables are unusable, or another process converts this shard.
    UserErrors
        A passing trouble (see `ldae.pool`) kept subjects from being done; no manifest is written, what is done is kept.
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
    limit = timeout_s + 120  # Clinica's own comes first
    ended: list[dict] = []
    with one_at_a_time(manifest):
        for outcome in finish_items(
            convert_subject, jobs, workers=workers, timeout_s=limit, label="convert", name=lambda job: job.name
        ):
            ended += outcome.result or _crashed(outcome.item, outcome.error)
    table = pd.DataFrame(ended, columns=IMAGE_COLUMNS)
    write_table(manifest, table.sort_values(["subject", "session", "image_id"], ignore_index=True))


def convert_subject(job: SubjectConversion) -> list[dict]:
    """Convert one subject, or keep its images, and return a row per image, columns `IMAGE_COLUMNS`.

    Whatever ends a conversion early leaves the earlier one as it was.

    Raises
    ------
    Busy
        Another process converts the subject.
    PassingTrouble
        Clinica was killed or took too long, or memory or disk space did not suffice.
    """
    state = Path(job.state_dir) / f"{label_of(job.ptid)}.json"
    with one_at_a_time(state):  # a worker can outlive its job
        record = EarlierConversion.read(state)
        ends = record.ends_of(job.key)
        if ends is None:
            ends, final = _convert(job, record)
            record.replace(job.key, ends, job.images, final=final)
        else:
            logger.info("the images of %s are unchanged", job.name)
    return [_row(job, image, ends[image["image_id"]]) for image in job.images]


def _crashed(job: SubjectConversion, error: str) -> list[dict]:
    """The rows of a subject whose conversion crashed, twice."""
    return [_row(job, image, _ended("failed", error, FAILED_CURE)) for image in job.images]


def _convert(job: SubjectConversion, earlier: EarlierConversion) -> tuple[dict[str, dict], bool]:
    """Convert into a scratch folder, and put the subject's folder in place as a whole.

    An image that fails now and was converted before from the same files is kept as it was. Returns how each image
    ended, and whether none failed.
    """
    Path(job.state_dir).mkdir(parents=True, exist_ok=True)
    Path(job.bids_dir).mkdir(parents=True, exist_ok=True)
    with scratch_folder() as scratch:
        work = scratch.resolve()
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
                ends |= {image["image_id"]: _ended("failed", str(error), FAILED_CURE) for image in shown}
                selected = NOTHING
            viscodes = dict(zip(selected["Image_ID"], selected["VISCODE"], strict=True))
            choices, reasons = explain(shown, viscodes, facts)
            ends = {name: _ended("unselected", *why) for name, why in reasons.items()} | ends
            for image in (image for image in shown if image["image_id"] in viscodes):
                name = image["image_id"]
                ends[name] = _verify(job, image, viscodes[name], stacks[name], work / "bids") | {
                    "choice": choices[name]
                }
        made, place = work / "bids" / job.name, Path(job.bids_dir) / job.name
        for table in made.glob("*.tsv"):
            table.unlink()  # Clinica's, with dates and laboratory values; the rule bids writes what is needed
        final = all(end["status"] != "failed" for end in ends.values())
        ends |= earlier.keep(ends, job.images, made)
        if any(end["status"] == "converted" for end in ends.values()):
            replace_folder(made, place)
        elif place.exists():
            shutil.rmtree(place)
    return ends, final


def _look_at_images(job: SubjectConversion) -> tuple[dict[str, Stack], dict[str, dict]]:
    """The sound sources by image ID, and how the others ended: a download can change after its check."""
    stacks, ends = {}, {}
    for image in job.images:
        name = image["image_id"]
        try:
            files = find_files(image, job.dicom_dir)
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
