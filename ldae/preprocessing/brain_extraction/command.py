"""Any program that reads a NIfTI image and writes a brain mask, such as ``mri_synthstrip -i {input} -m {output}``."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from ldae.config.preprocessing import PreprocessingConfig
from ldae.errors import PassingTrouble, UserError, is_passing, say_exit
from ldae.files import hash_file
from ldae.preprocessing.volume import Volume
from ldae.scratch import scratch_folder
from ldae.subprocesses import run_program

KEY, VERSION_KEY = "preprocessing.brain_extraction_command", "preprocessing.brain_extraction_version"
SHARE_OF_TIMEOUT = 0.9  # so that the program is stopped here before the scan's own time is over
VERSION_TIMEOUT_S = 120
SAME_MM = 0.01
MESSAGE_CHARACTERS = 300


def extract(volume: Volume, config: PreprocessingConfig) -> np.ndarray:
    """Run the command in a folder of its own and read its mask.

    Raises
    ------
    UserError
        The program is absent, fails, or writes no binary mask on the voxels of its input.
    PassingTrouble
        It was killed or took too long.
    """
    with scratch_folder() as folder:
        paths = {"{input}": str(Path(folder, "head.nii.gz")), "{output}": str(Path(folder, "mask.nii.gz"))}
        nib.Nifti1Image(volume.data, volume.affine).to_filename(paths["{input}"])
        words = shlex.split(config.brain_extraction_command)
        for placeholder, path in paths.items():
            words = [word.replace(placeholder, path) for word in words]
        _run(KEY, words, SHARE_OF_TIMEOUT * config.timeout_s, str(folder))
        return _read_mask(Path(paths["{output}"]), volume)


def record(config: PreprocessingConfig) -> dict[str, str | None]:
    """The command, SHA-256 of its program's file, and what the version command prints."""
    program = _program(KEY, shlex.split(config.brain_extraction_command)[0])
    return {
        "version": _version(config.brain_extraction_version),
        "command": config.brain_extraction_command,
        "program_sha256": hash_file(program),
    }


@lru_cache(maxsize=1)
def _version(command: str) -> str:
    printed = " ".join(_run(VERSION_KEY, shlex.split(command), VERSION_TIMEOUT_S, None).split())
    if not printed:
        raise UserError(f"{VERSION_KEY}: {command}", "a command that prints a version", "nothing", "e.g. echo 7.4.1")
    return printed[:MESSAGE_CHARACTERS]


def _program(key: str, name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise UserError(
            f"{key}: {name}", "a program on PATH or its full path", "none", "install it or correct the path"
        )
    return Path(found)


def _run(key: str, words: list[str], timeout_s: float, folder: str | None) -> str:
    """Run a program and return what it prints; a failure is a UserError, a signal or time-out a PassingTrouble."""
    _program(key, words[0])
    expected = "a program that ends with exit code 0"
    try:
        done = run_program(words, timeout_s, cwd=folder, capture_output=True, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        raise PassingTrouble(f"{key}: still running after {timeout_s:.0f} s (preprocessing.timeout_s)") from None
    if done.returncode < 0:
        raise PassingTrouble(f"{key}: ended by {say_exit(done.returncode)}")
    if done.returncode:
        raise UserError(key, expected, f"{done.returncode}", "run it by hand on this scan to read what it says")
    return done.stdout


def _read_mask(path: Path, volume: Volume) -> np.ndarray:
    if not path.is_file():
        raise UserError(KEY, "a mask at {output}", "no file", "run it by hand on this scan")
    try:
        image = nib.as_closest_canonical(nib.load(path))
        data = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ImageFileError, ValueError) as error:
        if is_passing(error):
            raise
        raise UserError(KEY, "a NIfTI mask at {output}", f"{type(error).__name__}", "run it by hand") from None
    data = data[..., 0] if data.ndim == 4 and data.shape[3] == 1 else data
    if data.shape != volume.data.shape or not np.allclose(image.affine, volume.affine, atol=SAME_MM):
        found = f"shape {data.shape} instead of {volume.data.shape}, or another affine"
        raise UserError(KEY, "a mask on the voxels of {input}", found, "let it write the mask in the input's space")
    values = np.unique(data)
    if values[0] != 0 or values.size > 2:
        raise UserError(KEY, "a binary mask, 0 outside", f"{values.size} values from {values[0]:g}", "write the mask")
    return data > 0
