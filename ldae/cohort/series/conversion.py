"""One DICOM series as a NIfTI file by dcm2niix, for a scan outside any cohort."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import nibabel as nib
from pydicom import misc

from ldae.cohort.installed import THREAD_VARIABLES, find_program
from ldae.cohort.series.converted import RefusedVolume, accept_volume
from ldae.cohort.series.dicom import check_series
from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.orientation import dicom_stack
from ldae.errors import PassingTrouble, UserError, say_exit
from ldae.subprocesses import run_program

EXPECTED = "the DICOM files of one T1-weighted volume of a head"


def is_dicom(path: Path) -> bool:
    """Whether a file can be read and says that it is DICOM; a DICOMDIR, which holds no image, does not count."""
    try:
        return path.name.upper() != "DICOMDIR" and misc.is_dicom(path)
    except OSError:
        return False


def convert_series(files: Sequence[Path], scratch: str | Path, timeout_s: float) -> Path:
    """Check a series, convert it, and hold the volume against the series.

    Parameters
    ----------
    files : sequence of paths
        All DICOM files of the series, of one folder.
    scratch : path
        An empty folder; the volume lies in it, axes RAS, without header text.
    timeout_s : float
        Seconds that dcm2niix may take.

    Returns
    -------
    Path

    Raises
    ------
    UserError
        It is no complete T1-weighted volume, or dcm2niix made none of it. No message quotes header text.
    PassingTrouble
        dcm2niix was killed or took too long.
    """
    where = files[0].parent
    try:
        check_series(files)
        stack = dicom_stack(list(files))
    except BrokenSeries as error:
        raise UserError(where, EXPECTED, str(error), error.cure) from None
    links, made, kept = (Path(scratch, name) for name in ("links", "made", "kept"))
    for folder in (links, made, kept):
        folder.mkdir()
    for number, file in enumerate(files):
        (links / f"{number:05d}.dcm").symlink_to(file.resolve())
    _run_dcm2niix(links, made, timeout_s, where)
    volumes = sorted(made.glob("*.nii.gz"))
    if len(volumes) != 1:
        raise UserError(where, EXPECTED, f"{len(volumes)} volumes by dcm2niix", "give each series its own folder")
    turned = nib.as_closest_canonical(cast(nib.Nifti1Image, nib.load(volumes[0])))
    nib.save(turned, kept / "scan.nii.gz")
    try:
        accept_volume(kept, "scan.nii.gz", stack)
    except RefusedVolume as error:
        raise UserError(where, EXPECTED, str(error), "convert it yourself and look at it") from None
    return kept / "scan.nii.gz"


def _run_dcm2niix(links: Path, made: Path, timeout_s: float, where: Path) -> None:
    command: list[str | Path] = [find_program("dcm2niix"), "-z", "y", "-b", "n", "-f", "scan", "-o", made, links]
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, "1")
    try:
        done = run_program(command, timeout_s, capture_output=True, env=environment)
    except subprocess.TimeoutExpired:
        raise PassingTrouble(f"dcm2niix took longer than {timeout_s:.0f} s") from None
    if done.returncode < 0:
        raise PassingTrouble(f"dcm2niix was ended by {say_exit(done.returncode)}")
    if done.returncode:
        fault = f"code {done.returncode}"
        raise UserError(where, "dcm2niix to end with code 0", fault, "run dcm2niix on it to see what it says")
