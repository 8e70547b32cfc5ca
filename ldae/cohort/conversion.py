"""BIDS conversion of one shard: each subject checked, converted by Clinica alone, verified, moved into place."""

from __future__ import annotations

import logging
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import pandas as pd

from ldae.cohort.adni_tables import MERGE, META, QUALITY, label_of, months_of, read_tables, session_of
from ldae.cohort.clinica import (
    ConversionFailed,
    find_program,
    image_files,
    link_images,
    rejected_by_mayo,
    run_clinica,
    write_clinical,
)
from ldae.cohort.columns import REPORT_COLUMNS
from ldae.cohort.dicom import BrokenSeries, Series, check_series
from ldae.files import hash_content, read_json, read_table, write_json, write_table
from ldae.pool import run_items

logger = logging.getLogger(__name__)

MAX_DAYS_FROM_VISIT = 180
DAYS_PER_YEAR = 365.25
DIAGNOSIS = {"CN": "CN", "MCI": "MCI", "Dementia": "AD"}
BASELINE = {"CN": "CN", "SMC": "CN", "EMCI": "MCI", "LMCI": "MCI", "AD": "AD"}
CURES = {
    "broken": "download the image again",
    "failed": "see the reason; the other subjects are not affected",
    "unselected": "none: one series a visit is converted",
}


@dataclass(frozen=True)
class Job:
    """One subject's conversion: its images in the inventory, its clinical rows, and where results go."""

    ptid: str
    images: list[dict]
    tables: dict[str, pd.DataFrame]
    dicom_dir: str
    bids_dir: str
    state_dir: str
    timeout_s: float
    key: str


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
    """Convert every subject of a shard and write one report row an image, columns `REPORT_COLUMNS`.

    A subject whose files, clinical rows, programs and code are unchanged since its last conversion is kept. A
    subject that fails is a row with its reason and stops nobody.

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
        rows = group.drop(columns="shard").to_dict("records")
        key = hash_content([rows, versions, code])
        places = (str(dicom_dir), str(bids_dir), str(state_dir))
        jobs.append(Job(str(ptid), rows, tables.of_subject(str(ptid)), *places, timeout_s, key))
    reports = []
    for outcome in run_items(convert_subject, jobs, workers=workers, timeout_s=timeout_s + 120, label="convert"):
        job = outcome.item
        reports += outcome.result if not outcome.error else _report_all(job, outcome.error)
    table = pd.DataFrame(reports, columns=REPORT_COLUMNS)
    write_table(manifest, table.sort_values(["subject", "session", "image_id"], ignore_index=True))


def convert_subject(job: Job) -> list[dict]:
    """Convert one subject and return its report rows; its folder in the BIDS dataset is replaced as a whole."""
    subject = label_of(job.ptid)
    state = Path(job.state_dir) / f"{subject}.json"
    kept = _kept(state, job)
    if kept is not None:
        logger.info("%s is unchanged", subject)
        return kept
    state.unlink(missing_ok=True)
    target = Path(job.bids_dir) / f"sub-{subject}"
    target.parent.mkdir(parents=True, exist_ok=True)
    state.parent.mkdir(parents=True, exist_ok=True)
    for stale in state.parent.glob(f".partial-{subject}-*"):
        shutil.rmtree(stale)
    with tempfile.TemporaryDirectory(dir=state.parent, prefix=f".partial-{subject}-") as scratch:
        work = Path(scratch).resolve()
        rows = _convert_good_images(job, work)
        _replace(target, work / "bids" / target.name, work / "old")
    sizes = {row["path"]: Path(row["path"]).stat().st_size for row in rows if row["path"]}
    if all(row["status"] != "failed" for row in rows):
        write_json(state, {"key": job.key, "rows": rows, "sizes": sizes})
    return rows


def _kept(state: Path, job: Job) -> list[dict] | None:
    """Rows of an earlier conversion of the very same inputs whose images are all still there."""
    if not state.is_file():
        return None
    earlier = read_json(state)
    whole = all(Path(path).is_file() and Path(path).stat().st_size == size for path, size in earlier["sizes"].items())
    return earlier["rows"] if earlier["key"] == job.key and whole else None


def _replace(target: Path, new: Path, old: Path) -> None:
    if target.exists():
        target.rename(old)
    if new.exists():
        new.rename(target)


def _convert_good_images(job: Job, work: Path) -> list[dict]:
    """Show Clinica only the sound series, then verify what it made of them."""
    series: dict[str, Series | None] = {}
    broken: dict[str, str] = {}
    for image in job.images:
        try:
            files = image_files(image, job.dicom_dir)
            series[image["image_id"]] = check_series(files, job.ptid) if image["format"] == "dcm" else None
        except BrokenSeries as error:
            broken[image["image_id"]] = str(error)
    good = [image for image in job.images if image["image_id"] in series]
    usable = set(series) - rejected_by_mayo(job.tables)
    selected, failure = pd.DataFrame(columns=["Image_ID", "VISCODE"]), ""
    if usable:
        link_images([image for image in good if image["image_id"] in usable], job.dicom_dir, work / "dicom")
        write_clinical(job.tables, usable, work / "clinical")
        try:
            selected = run_clinica(work / "dicom", work / "clinical", work / "bids", job.timeout_s)
        except ConversionFailed as error:
            failure = str(error)
            shutil.rmtree(work / "bids", ignore_errors=True)
    viscodes = dict(zip(selected["Image_ID"], selected["VISCODE"], strict=True))
    rows = []
    for image in job.images:
        name = image["image_id"]
        if name in broken:
            rows.append(_report(job, image, "broken", broken[name]))
        elif failure and name in usable:
            rows.append(_report(job, image, "failed", failure))
        elif name not in viscodes:
            rows.append(_report(job, image, "unselected", _why_unselected(job, image, viscodes)))
        else:
            rows.append(_verified(job, image, viscodes[name], series[name], work / "bids"))
    return rows


def _verified(job: Job, image: dict, viscode: str, series: Series | None, bids: Path) -> dict:
    """Report row of an image that Clinica selected; a session that does not hold is removed from the new dataset."""
    subject, session = f"sub-{label_of(job.ptid)}", f"ses-{session_of(viscode)}"
    folder = bids / subject / session
    visits = job.tables[MERGE]
    visit = visits[visits["VISCODE"] == viscode].iloc[0].to_dict()
    days = abs((pd.Timestamp(image["scan_date"]) - pd.Timestamp(visit["EXAMDATE"])).days)
    fault = (
        f"the scan is {days} days away from the visit {viscode} that Clinica gave it"
        if days > MAX_DAYS_FROM_VISIT
        else _fault(folder / "anat", f"{subject}_{session}_T1w.nii.gz", series)
        or _sessions_fault(bids / subject / f"{subject}_sessions.tsv", session)
    )
    if fault:
        shutil.rmtree(folder, ignore_errors=True)
        return _report(job, image, "failed", fault)
    path = Path(job.bids_dir) / subject / session / "anat" / f"{subject}_{session}_T1w.nii.gz"
    return _report(job, image, "converted", "", visit) | {
        "path": path.as_posix(),
        "slices": series.slices if series else "",
    }


def _fault(anat: Path, name: str, series: Series | None) -> str:
    """Why the folder of one session is not exactly one readable volume of the expected size; empty if it is."""
    images = sorted(path.name for path in anat.glob("*.nii*"))
    if images != [name]:
        return f"expected {name} alone, found {', '.join(images) or 'nothing'}"
    try:
        shape = nib.load(anat / name).get_fdata(dtype="float32").shape
    except (OSError, EOFError, ValueError, nib.filebasedimages.ImageFileError) as error:
        return f"the converted image cannot be read: {error}"
    if series and sorted(shape) != sorted((series.slices, series.rows, series.columns)):
        return f"the converted image has {shape}, the series {series.slices} x {series.rows} x {series.columns} voxels"
    return ""


def _sessions_fault(path: Path, session: str) -> str:
    """Why Clinica's sessions table does not hold for a session; empty if it does."""
    if not path.is_file():
        return "no sessions.tsv"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    row = table[table["session_id"] == session]
    if len(row) != 1:
        return f"{len(row)} rows of {session} in sessions.tsv"
    if row["diagnosis"].iloc[0] not in {"CN", "MCI", "AD", "n/a"}:
        return f"unexpected diagnosis '{row['diagnosis'].iloc[0]}' in sessions.tsv"
    return "" if pd.notna(pd.to_numeric(row["age"], errors="coerce")).all() else "no age in sessions.tsv"


def _why_unselected(job: Job, image: dict, viscodes: dict[str, str]) -> str:
    if image["image_id"] in rejected_by_mayo(job.tables):
        return "rejected by ADNI's MRI quality control (MAYOADIRL_MRI_IMAGEQC)"
    quality = job.tables[QUALITY]
    mark = quality.loc[quality["LONIUID"] == f"S{image['series_id']}", "PASS"]
    if len(mark) and pd.to_numeric(mark, errors="coerce").iloc[0] != 1:
        return "not passed by ADNI's MRI quality control (MRIQUALITY)"
    meta = job.tables[META]
    same = meta.loc[(meta["Visit"] == image["visit"]) & meta["ImageUID"].isin(set(viscodes)), "ImageUID"]
    if len(same):
        return f"Clinica took image {same.iloc[0]} of the same visit"
    return f"Clinica matched no visit of ADNIMERGE with '{image['visit']}', or does not take '{image['sequence']}'"


def visit_facts(visit: dict) -> dict:
    """What holds at one visit, from its row of ADNIMERGE.

    Age is AGE + (EXAMDATE − EXAMDATE_bl) / 365.25 years, not rounded to a decimal as in Clinica's sessions.tsv.
    """
    days = (pd.Timestamp(visit["EXAMDATE"]) - pd.Timestamp(visit["EXAMDATE_bl"])).days
    return {
        "session": session_of(visit["VISCODE"]),
        "diagnosis": DIAGNOSIS.get(visit["DX"], ""),
        "age": round(float(visit["AGE"]) + days / DAYS_PER_YEAR, 4),
        "sex": visit["PTGENDER"][0],
        "months": months_of(visit["VISCODE"]),
        "site": visit["SITE"],
        "phase": visit["COLPROT"],
        "diagnosis_bl": BASELINE.get(visit["DX_bl"], ""),
        "age_bl": float(visit["AGE"]),
        "apoe4": visit["APOE4"],
        "education_years": visit["PTEDUCAT"],
    }


def _report(job: Job, image: dict, status: str, reason: str, visit: dict | None = None) -> dict:
    copied = ("session", "image_id", "series_id", "field_strength_t", "visit", "scan_date", "sequence", "source")
    row = dict.fromkeys(REPORT_COLUMNS, "") | {name: image[name] for name in copied}
    row |= {"subject": label_of(job.ptid), "status": status, "reason": reason, "cure": CURES.get(status, "")}
    return row | (visit_facts(visit) if visit else {})


def _report_all(job: Job, reason: str) -> list[dict]:
    return [_report(job, image, "failed", reason) for image in job.images]
