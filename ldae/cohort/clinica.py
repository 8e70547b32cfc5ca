"""One call of Clinica's ADNI converter for one subject, in a scratch folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from ldae.cohort.adni.names import APOE, DIAGNOSES, MERGE, META, TABLE_COLUMNS
from ldae.cohort.adni.row_rules import converter_phases
from ldae.cohort.disk import find_files
from ldae.cohort.installed import clinica_environment, kinds_said
from ldae.errors import PassingTrouble, say_exit
from ldae.files import read_table
from ldae.subprocesses import find_trouble, run_program

# What `clinica convert adni-to-bids` runs, by the Python that runs this.
CONVERTER = "clinica.converters.adni_to_bids.cli"


class ConversionFailed(Exception):
    """Why Clinica gave nothing usable for a subject."""


def write_clinical(facts: dict[str, pd.DataFrame], shown: list[dict], folder: Path) -> None:
    """Write the six tables for one subject with only what the choice of images depends on.

    No clinical value is handed over, so none can stop Clinica, end in its output, or make a conversion out of date.

    Parameters
    ----------
    facts : `selection.selection_tables` of the subject
    shown : the images that Clinica is to see, from `selection.show`; MPRAGEMETA is written from them alone
    folder : to be made
    """
    folder.mkdir()
    known = facts[MERGE]["COLPROT"].isin(converter_phases())
    visits = facts[MERGE][known].reindex(columns=TABLE_COLUMNS[MERGE], fill_value="")
    images = {
        "SubjectID": [image["ptid"] for image in shown],
        "Orig/Proc": [image["source"].capitalize() for image in shown],
        "Visit": [image["visit"] for image in shown],
        "MagStrength": [image["field_strength_t"] for image in shown],
        "Sequence": [image["sequence"] for image in shown],
        "ScanDate": [image["scan_date"] for image in shown],
        "StudyID": 0,
        "SeriesID": [int(image["series_id"] or 0) for image in shown],
        "ImageUID": [image["image_id"] for image in shown],
    }
    written = facts | {
        MERGE: visits.assign(EXAMDATE_bl=visits["EXAMDATE"]),
        META: pd.DataFrame(images),
        APOE: pd.DataFrame(columns=["RID", "APGEN1", "APGEN2"]),
        DIAGNOSES: pd.DataFrame(columns=TABLE_COLUMNS[DIAGNOSES]),
    }
    for name, table in written.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def link_images(images: list[dict], dicom_dir: str | Path, folder: Path) -> None:
    """Present images to Clinica as links named by image ID, whatever the download calls its files."""
    for image in images:
        target = folder / image["ptid"] / f"I{image['image_id']}"
        target.mkdir(parents=True)
        for number, source in enumerate(find_files(image, dicom_dir)):
            suffix = ".nii.gz" if source.name.lower().endswith(".gz") else f".{image['format']}"
            (target / f"{number:05d}_I{image['image_id']}{suffix}").symlink_to(source.resolve())


def run_clinica(images: Path, clinical: Path, bids: Path, timeout_s: float) -> pd.DataFrame:
    """Convert and return Clinica's own list of the images it selected, as strings.

    Where it selects none, Clinica ends with an error, for its BIDS folder is empty; that is no failure.

    Raises
    ------
    ConversionFailed
        Clinica ended with an error; the message holds its kind.
    PassingTrouble
        It was killed or took too long, or memory or disk space did not suffice.
    """
    log = bids.parent / "log"
    log.mkdir()
    command: list[str | Path] = [sys.executable, "-m", CONVERTER, images, clinical, bids]
    command += ["-m", "T1", "-np", "1"]
    options: dict[str, Any] = {"env": clinica_environment(log), "cwd": log}
    try:
        done = run_program(command, timeout_s, capture_output=True, text=True, **options)
    except subprocess.TimeoutExpired:
        raise PassingTrouble(f"Clinica took longer than {timeout_s:.0f} s") from None
    if done.returncode < 0:
        raise PassingTrouble(f"Clinica was ended by {say_exit(done.returncode)}")
    lists = sorted(bids.glob("conversion_info/*/t1_paths.tsv"))
    selected = read_table(lists[0], dtype=str, keep_default_na=False) if len(lists) == 1 else None
    if done.returncode and (selected is None or len(selected)):
        said = done.stdout + done.stderr
        if trouble := find_trouble(said):
            raise PassingTrouble(f"Clinica ended with code {done.returncode}: {trouble}")
        raise ConversionFailed(f"Clinica ended with code {done.returncode}: {kinds_said(said)}")
    if selected is None:
        raise ConversionFailed("Clinica wrote no list of the images it selected")
    return selected
