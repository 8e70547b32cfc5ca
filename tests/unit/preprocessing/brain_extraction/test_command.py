"""An external command, played by small Python programs."""

import hashlib
import multiprocessing
import shlex
import sys
import tempfile
import time

import nibabel as nib
import numpy as np
import pytest

from ldae.errors import PassingTrouble, UserError
from ldae.preprocessing.brain_extraction import command
from ldae.preprocessing.volume import Volume
from ldae.scratch import remove_abandoned

READ = "import sys, nibabel as nib, numpy as np\nimage = nib.load(sys.argv[1]); data = image.get_fdata()\n"
WRITE = "nib.Nifti1Image(mask, affine).to_filename(sys.argv[2])\n"
GOOD = READ + "mask = (data > 50).astype(np.uint8); affine = image.affine\n" + WRITE
FLIPPED = (
    READ
    + "turned = nib.Nifti1Image((data > 50).astype(np.float32), image.affine)"
    + ".as_reoriented(np.array([[1, 1], [0, -1], [2, 1]]))\nturned.to_filename(sys.argv[2])\n"
)
BAD = {
    "fails": ("import sys\nsys.exit('Roe^Jane')\n", r"(?s)^(?!.*Roe).*by hand"),
    "writes nothing": ("", "no file"),
    "not an image": ("import sys\nopen(sys.argv[2], 'w').write('mask')\n", "NIfTI mask"),
    "other voxels": (READ + "mask = np.ones((4, 4, 4), np.uint8); affine = image.affine\n" + WRITE, "voxels of"),
    "other place": (
        READ + "mask = (data > 50).astype(np.uint8); affine = image.affine + np.eye(4)[:, [3, 0, 1, 2]]\n" + WRITE,
        "voxels of",
    ),
    "the brain instead": (READ + "mask = data.astype(np.float32); affine = image.affine\n" + WRITE, "binary"),
    "a fifth of a voxel beside": (
        READ + "mask = (data > 50).astype(np.uint8); affine = image.affine.copy(); affine[1, 3] += 0.5\n" + WRITE,
        "voxels of",
    ),
    "no background": (READ + "mask = np.ones(data.shape, np.uint8); affine = image.affine\n" + WRITE, "binary"),
    "not finite": (READ + "mask = np.full(data.shape, np.nan, np.float32); affine = image.affine\n" + WRITE, "binary"),
}


@pytest.fixture
def volume():
    data = np.random.default_rng(0).uniform(0, 100, (10, 12, 14)).astype(np.float32)
    affine = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1, 0, 0.05) * 2.5, [-10, 5, 3])
    return Volume(data, affine)


@pytest.fixture
def settings(config, tmp_path):
    """`settings(program)`: the section for a Python program called with {input} and {output}."""

    def make(program, **changes):
        script = tmp_path / "strip brain.py"
        script.write_text(program)
        line = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {{input}} {{output}}"
        engine = {"brain_extraction": "command", "brain_extraction_command": line, "brain_extraction_version": "echo 7"}
        return config.model_copy(update=engine | changes)

    return make


@pytest.mark.parametrize("program", [GOOD, FLIPPED], ids=["same axes", "other axes"])
def test_its_mask_is_taken_voxel_by_voxel(settings, volume, program):
    np.testing.assert_array_equal(command.extract(volume, settings(program)), volume.data > 50)


def test_a_mask_of_any_one_value_and_with_a_fourth_axis_is_taken(settings, volume):
    program = READ + "mask = (255 * (data > 50)).astype(np.uint8)[..., None]; affine = image.affine\n" + WRITE
    np.testing.assert_array_equal(command.extract(volume, settings(program)), volume.data > 50)


@pytest.mark.parametrize("program, word", BAD.values(), ids=BAD)
def test_every_failure_is_named(settings, volume, program, word):
    with pytest.raises(UserError, match=word):
        command.extract(volume, settings(program))


def test_a_program_that_hangs_is_stopped(settings, volume):
    start = time.monotonic()
    with pytest.raises(PassingTrouble, match="still running after 1 s"):  # nine tenths of the scan's own time
        command.extract(volume, settings("import time\ntime.sleep(60)\n", timeout_s=1.6))
    assert time.monotonic() - start < 20


def test_a_program_that_was_killed_says_nothing_of_the_scan(settings, volume):
    with pytest.raises(PassingTrouble, match="SIGKILL"):
        command.extract(volume, settings("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"))


def test_the_head_that_a_killed_process_gave_to_a_program_is_gone_after_the_next_run(
    settings, volume, tmp_path, monkeypatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    arguments = volume, settings("import time\ntime.sleep(60)\n")
    process = multiprocessing.get_context("spawn").Process(target=command.extract, args=arguments)
    process.start()
    while process.is_alive() and not any(tmp_path.rglob("head.nii.gz")):
        time.sleep(0.05)
    process.kill(), process.join()
    assert any(tmp_path.rglob("head.nii.gz"))
    remove_abandoned()
    assert not any(tmp_path.rglob("head*"))


def test_an_absent_program_is_named(settings):
    with pytest.raises(UserError, match="no_such_program"):
        command.record(settings("", brain_extraction_command="no_such_program {input} {output}"))


def test_program_and_version_are_recorded(settings):
    found = command.record(settings("", brain_extraction_version="echo synthstrip 1.6"))
    with open(sys.executable, "rb") as program:
        assert found["program_sha256"] == hashlib.file_digest(program, "sha256").hexdigest()
    assert found["version"] == "synthstrip 1.6" and "{input}" in found["command"]
    with pytest.raises(UserError, match="prints a version"):
        command.record(settings("", brain_extraction_version="true"))
