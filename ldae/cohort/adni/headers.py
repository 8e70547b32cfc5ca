"""The verdict on every image of a download from its own headers; verdicts of unchanged images are kept."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from ldae.code_hash import hash_script
from ldae.cohort.disk import CLOSED, group_files
from ldae.cohort.series.dicom import check_series
from ldae.cohort.series.faults import BrokenSeries, OtherImage
from ldae.cohort.series.nifti import check_nifti
from ldae.errors import UserError
from ldae.files import read_table, write_table
from ldae.pool import finish_items

logger = logging.getLogger(__name__)

SOUND, BROKEN, OTHER = "sound", "broken", "other"
VERDICT_COLUMNS = ["verdict", "fault", "fault_cure", "header_field_t"]
KEY = ["ptid", "image_id", "format", "files_hash"]
SUBJECT_TIMEOUT_S = 3600.0


def check_headers(
    files: pd.DataFrame, dicom_dir: str | Path, *, workers: int, state: str | Path | None = None
) -> pd.DataFrame:
    """Read the headers of every image.

    Parameters
    ----------
    files
        Rows of `disk.list_files`.
    dicom_dir
        The download.
    workers
        Processes; each takes a subject at a time.
    state
        CSV with the verdicts of earlier runs, read and written. An image whose files are the same, judged by the same
        code, is not read again. None: everything is read, nothing is written.

    Returns
    -------
    pandas.DataFrame
        `files` with `VERDICT_COLUMNS`, all strings: ``sound``, ``broken`` or ``other`` (no T1-weighted volume of a
        head), why, the cure, and MagneticFieldStrength in tesla.
    """
    code = hash_script(__file__, Path(__file__).parents[3])
    known = _read_state(state, code)
    table = files.merge(known, on=KEY, how="left", validate="many_to_one")
    waiting = table[table["verdict"].isna()]
    if len(waiting) < len(table):
        logger.info("%d of %d images are unchanged since they were checked", len(table) - len(waiting), len(table))
    jobs = [(str(dicom_dir), group[[*KEY, "folder"]].to_dict("records")) for _, group in waiting.groupby("ptid")]
    verdicts, failures = [table.loc[table["verdict"].notna(), KEY + VERDICT_COLUMNS]], []
    try:
        for outcome in finish_items(
            check_subject,
            jobs,
            workers=workers,
            timeout_s=SUBJECT_TIMEOUT_S,
            label="check",
            name=lambda job: job[1][0]["ptid"],
        ):
            if outcome.error:
                failures += [image | _failed(outcome.error) for image in outcome.item[1]]
            else:
                verdicts.append(pd.DataFrame(outcome.result, columns=KEY + VERDICT_COLUMNS))
    finally:
        judged = pd.concat(verdicts, ignore_index=True).drop_duplicates(KEY)
        if state is not None:
            write_table(state, judged.assign(code=code))
    judged = pd.concat([judged, pd.DataFrame(failures, columns=KEY + VERDICT_COLUMNS)], ignore_index=True)
    return files.merge(judged.drop_duplicates(KEY), on=KEY, how="left", validate="many_to_one")


def check_subject(job: tuple[str, list[dict]]) -> list[dict]:
    """The images of one subject (rows with `KEY`), each with its verdict."""
    dicom_dir, images = job
    return [image | check_image(image, dicom_dir) for image in images]


def check_image(image: dict, dicom_dir: str | Path) -> dict:
    """`VERDICT_COLUMNS` of one image."""
    try:
        if image["format"] == CLOSED:
            raise BrokenSeries(
                "its folder cannot be read: it is closed, or a link to itself", "open it (chmod), or correct the link"
            )
        if image["format"] not in ("dcm", "nii"):
            ending = {"none": "have no suffix", "other": "have another suffix"}.get(
                image["format"], f"end in .{image['format']}"
            )
            cure = "download the image as DICOM or NIfTI, unpack archives, name DICOM files *.dcm"
            raise BrokenSeries(f"its files {ending}; only .dcm, .nii and .nii.gz are read", cure)
        entries = group_files(Path(dicom_dir) / image["folder"])[image["image_id"], image["format"]]
        files = [Path(entry.path) for entry in entries]
        series = check_series(files, image["ptid"]) if image["format"] == "dcm" else check_nifti(files)
    except BrokenSeries as fault:
        verdict = OTHER if isinstance(fault, OtherImage) else BROKEN
        return {"verdict": verdict, "fault": str(fault), "fault_cure": fault.cure, "header_field_t": ""}
    field = "" if series.field_strength_t is None else f"{series.field_strength_t:g}"
    return {"verdict": SOUND, "fault": "", "fault_cure": "", "header_field_t": field}


def _failed(error: str) -> dict:
    """Verdict where the check itself came to no end; it is not kept."""
    fault = f"its headers could not be checked: {error}"
    cure = "run the check again; if that does not help, download the subject again"
    return {"verdict": BROKEN, "fault": fault, "fault_cure": cure, "header_field_t": ""}


def _read_state(state: str | Path | None, code: str) -> pd.DataFrame:
    """Verdicts of earlier runs by the same code; a damaged file of them counts as none."""
    columns = [*KEY, *VERDICT_COLUMNS]
    if state is None or not Path(state).is_file():
        return pd.DataFrame(columns=columns, dtype=str)
    try:
        known = read_table(state, (*columns, "code"), dtype=str, keep_default_na=False)
    except UserError as error:
        logger.warning("%s cannot be read, so all images are checked again: %s", state, " ".join(f"{error}".split()))
        return pd.DataFrame(columns=columns, dtype=str)
    return known.loc[known["code"] == code, columns]
