"""One call of `clinica convert adni-to-bids` for one subject, in a scratch folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from ldae.cohort.adni_tables import DIAGNOSES, MAYO, META, nominal_field
from ldae.cohort.disk import group_files
from ldae.errors import UserError

REJECTED_QUALITY = 4  # Mayo's series_quality of a scan not to be used
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class ConversionFailed(Exception):
    """Why Clinica gave nothing usable for a subject."""


def find_program(name: str) -> Path:
    """Path of a program beside the running Python, else on PATH.

    Raises
    ------
    UserError
        It is in neither place.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise UserError(name, f"the program {name} beside Python or on PATH", "none", "install the locked environment")
    return Path(found)


def rejected_by_mayo(tables: dict[str, pd.DataFrame]) -> set[str]:
    """Image IDs that the Mayo Clinic's quality control rejected and did not select.

    Clinica never takes them, and crashes where a visit has no other 3 T scan, so it must not see them.
    """
    mayo = tables[MAYO]
    quality = pd.to_numeric(mayo["series_quality"], errors="coerce")
    selected = pd.to_numeric(mayo["series_selected"], errors="coerce")
    bad = (mayo["series_type"] == "T1") & (quality >= REJECTED_QUALITY) & (selected != 1)
    return set(mayo.loc[bad, "loni_image"].str.removeprefix("I"))


def write_clinical(tables: dict[str, pd.DataFrame], image_ids: set[str], folder: Path) -> None:
    """Write one subject's six tables as Clinica can bear them.

    MPRAGEMETA keeps only `image_ids`, with nominal field strengths; each diagnosis row stands twice (a single one
    crashes the lookup of an ADNI3 subject).
    """
    folder.mkdir()
    meta = tables[META][tables[META]["ImageUID"].isin(image_ids)]
    written = tables | {
        META: meta.assign(MagStrength=[nominal_field(float(tesla)) for tesla in meta["MagStrength"]]),
        DIAGNOSES: pd.concat([tables[DIAGNOSES]] * 2),
    }
    for name, table in written.items():
        table.to_csv(folder / f"{name}.csv", index=False)


def link_images(images: list[dict], dicom_dir: str | Path, folder: Path) -> None:
    """Present images to Clinica as links named by image ID, whatever the download calls its files."""
    for image in images:
        target = folder / image["ptid"] / f"I{image['image_id']}"
        target.mkdir(parents=True)
        for number, source in enumerate(image_files(image, dicom_dir)):
            suffix = ".nii.gz" if source.name.lower().endswith(".gz") else f".{image['format']}"
            (target / f"{number:05d}_I{image['image_id']}{suffix}").symlink_to(source.resolve())


def image_files(image: dict, dicom_dir: str | Path) -> list[Path]:
    """Files of one image of the inventory."""
    entries = group_files(Path(dicom_dir) / image["folder"]).get((image["image_id"], image["format"]), [])
    return [Path(entry.path) for entry in entries]


def run_clinica(images: Path, clinical: Path, bids: Path, timeout_s: float) -> pd.DataFrame:
    """Convert and return Clinica's own list of the images it selected, as strings.

    Raises
    ------
    ConversionFailed
        Clinica ended with an error or took too long; the message holds its last words.
    """
    log = bids.parent / "log"
    log.mkdir()
    clinica, dcm2niix = find_program("clinica"), find_program("dcm2niix")
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, "1")
    environment["PATH"] = os.pathsep.join([str(clinica.parent), str(dcm2niix.parent), os.environ.get("PATH", "")])
    environment["CLINICA_LOGGING_DIR"] = str(log)
    command = [clinica, "convert", "adni-to-bids", images, clinical, bids, "-m", "T1", "-np", "1"]
    try:
        done = subprocess.run(
            command, env=environment, cwd=log, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConversionFailed(f"Clinica took longer than {timeout_s:.0f} s") from None
    if done.returncode:
        words = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-3:])
        raise ConversionFailed(f"Clinica ended with code {done.returncode}: {words[-300:]}")
    selections = sorted(bids.glob("conversion_info/*/t1_paths.tsv"))
    if len(selections) != 1:
        raise ConversionFailed("Clinica wrote no list of the images it selected")
    return pd.read_csv(selections[0], sep="\t", dtype=str, keep_default_na=False)
