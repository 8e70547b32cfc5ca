"""The damage matrix: every damaged copy of a head ends as fail or error, with a reason; every harmless one passes.

A left-right flip cannot be seen in an image of a brain; the conversion checks the side against the DICOM headers.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ldae.cohort.installed import find_program
from ldae.errors import UserError
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.scan import preprocess_scan
from ldae.preprocessing.verdict import judge
from tests.damage import DAMAGED, HARMLESS, flipped
from tests.unit.preprocessing.conftest import ROOT, make_head

ARCHIVE = Path(os.environ.get("LDAE_REAL_SCAN", ROOT.parent / "shared" / "data" / "t1-dicom.tar.xz"))
HEADS = {  # how far the ventricles grow in mm, share of cortex lost, seed of the noise
    "typical": (1.0, 0.1, 0),
    "no atrophy": (-3.0, 0.0, 1),
    "much atrophy": (10.0, 0.6, 2),
}
SEVERAL_WAYS = ("axes permuted, wrong header: front and right", "axes permuted, wrong header: all", "top cut off")
SEVERAL_WAYS += ("right half zeroed", "front zeroed", "back zeroed", "ghosts", "twice the voxel size")
QUICK = {"registration_spacing_mm": 4.0, "bias_field_iterations": [10, 10]}  # the verdict does not depend on these


@pytest.fixture(scope="session")
def typical() -> nib.Nifti1Image:
    return nib.as_closest_canonical(make_head(3.0, *HEADS["typical"]))


@pytest.fixture(scope="session", params=HEADS)
def any_head(request) -> nib.Nifti1Image:
    return nib.as_closest_canonical(make_head(3.0, *HEADS[request.param]))


@pytest.fixture(scope="session")
def real(tmp_path_factory) -> nib.Nifti1Image:
    if not ARCHIVE.is_file():
        pytest.skip(f"no real scan: {ARCHIVE} is absent; set LDAE_REAL_SCAN")
    folder = tmp_path_factory.mktemp("real")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    subprocess.run([find_program("dcm2niix"), "-z", "y", "-f", "real", "-o", folder, folder], check=True)
    return nib.as_closest_canonical(nib.load(folder / "real.nii.gz"))


@pytest.fixture
def examine(config, qc, limits, tmp_path):
    """`examine(image)`: verdict and reason, by the steps every scan goes through."""

    def examined(image, settings=config):
        image.to_filename(tmp_path / "copy.nii.gz")
        try:
            record = preprocess_scan(tmp_path / "copy.nii.gz", ScanFiles.of(tmp_path, "X", "M000"), settings, limits)
        except UserError as error:
            return "error", str(error)
        return judge(record["QC"], qc)

    return examined


def is_caught(verdict) -> None:
    status, reason = verdict
    assert status in ("fail", "error") and reason, verdict


@pytest.mark.parametrize("damage", [name for name in DAMAGED if name not in SEVERAL_WAYS])
def test_damage_is_caught(typical, examine, config, damage):
    is_caught(examine(DAMAGED[damage](typical), config.model_copy(update=QUICK)))


@pytest.mark.parametrize("change", HARMLESS)
def test_harmless_changes_pass(typical, examine, config, change):
    assert examine(HARMLESS[change](typical), config.model_copy(update=QUICK)) == ("pass", "")


def test_a_left_right_flip_passes_here(typical, examine, config):
    assert examine(flipped(0)(typical), config.model_copy(update=QUICK))[0] == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGED)
def test_damage_of_several_heads_is_caught(any_head, examine, damage):
    is_caught(examine(DAMAGED[damage](any_head)))


@pytest.mark.slow
@pytest.mark.parametrize("change", HARMLESS)
def test_harmless_changes_of_several_heads_pass(any_head, examine, change):
    assert examine(HARMLESS[change](any_head))[0] == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGED)
def test_damage_of_the_real_scan_is_caught(real, examine, damage):
    is_caught(examine(DAMAGED[damage](real)))


@pytest.mark.slow
@pytest.mark.parametrize("change", HARMLESS)
def test_harmless_changes_of_the_real_scan_pass(real, examine, change):
    assert examine(HARMLESS[change](real))[0] == "pass"


@pytest.mark.slow
@pytest.mark.parametrize("cut", [True, False])
def test_a_sliver_of_the_real_brain_below_the_field_of_view_is_caught(real, examine, cut):
    """Without the lower 35 % of the image the cerebellum lacks 2 ml: seen by the area of the cut alone."""
    data = np.asarray(real.dataobj, np.float32).copy()
    gone = round(0.35 * data.shape[2])
    data[:, :, :gone] = 0
    image = nib.Nifti1Image(data, real.affine)
    status, reason = examine(image.slicer[:, :, gone:] if cut else image)
    assert status == "fail" and reason.startswith("border"), (status, reason)
