import gzip

import nibabel as nib
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Extension

from ldae.cohort.series.converted import RefusedVolume, accept_volume, blank_text
from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.orientation import Stack, nifti_stack

NAME = "sub-A_ses-M000_T1w.nii.gz"
SPACING = np.array([3.0, 3.5, 4.0])


@pytest.fixture
def voxels():
    return np.random.default_rng(0).integers(0, 4000, (44, 36, 32)).astype(np.int16)


def write(folder, voxels, name=NAME, signs=(1, 1, 1), **text):
    """The volume as Clinica leaves it: RAS, with what dcm2niix wrote into the header."""
    image = nib.Nifti1Image(voxels, np.diag([*(SPACING * signs), 1.0]))
    for field, value in text.items():
        image.header[field] = value
    image.header.extensions.append(Nifti1Extension("comment", b"Jane Roe"))
    nib.save(image, folder / name)
    return folder / name


def stack_of(voxels):
    """A source whose slices are those of the volume."""
    return Stack(np.diag(SPACING), voxels.shape, lambda index: voxels[:, :, index])


def test_no_text_of_the_source_is_left_and_no_voxel_changes(tmp_path, voxels):
    path = write(
        tmp_path, voxels, descrip=b"TE=2.9;Time=132518.000", aux_file=b"Jane Roe", intent_name=b"x", db_name=b"y"
    )
    assert accept_volume(tmp_path, NAME, stack_of(voxels)) == "checked"
    content = gzip.decompress(path.read_bytes())
    assert b"Jane" not in content
    assert b"Time" not in content
    image = nib.load(path)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), voxels)
    np.testing.assert_array_equal(image.affine, np.diag([*SPACING, 1.0]))
    assert all(image.header[field] == b"" for field in ("descrip", "aux_file", "intent_name", "db_name"))
    assert not list(tmp_path.glob(".partial-*"))


def test_scaled_voxels_keep_their_bits_and_their_scale(tmp_path, voxels):
    path = write(tmp_path, voxels / 7.0)
    with gzip.open(path) as stream:
        content = stream.read()
    before = nib.load(path).get_fdata()
    blank_text(path, content)
    np.testing.assert_array_equal(nib.load(path).get_fdata(), before)


def test_the_same_volume_gives_the_same_file_at_any_time(tmp_path, voxels, monkeypatch):
    files = []
    for name, time in (("a.nii.gz", b"Time=1"), ("b.nii.gz", b"Time=2")):
        path = write(tmp_path, voxels, name, descrip=time)
        now = 1e9 * len(files)
        monkeypatch.setattr("time.time", lambda now=now: now)
        blank_text(path, gzip.decompress(path.read_bytes()))
        files.append(path.read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda voxels: voxels[::-1], "left and right swapped"),
        (lambda voxels: voxels[:, :, :-1], "44 x 36 x 31 voxels, the series 44 x 36 x 32"),
        (lambda voxels: voxels.transpose(1, 0, 2), "axes permuted"),
    ],
)
def test_another_volume_than_the_source_is_refused(tmp_path, voxels, change, reason):
    write(tmp_path, change(voxels))
    with pytest.raises(RefusedVolume, match=reason):
        accept_volume(tmp_path, NAME, stack_of(voxels))


@pytest.mark.parametrize("signs", [(-1, 1, 1), (1, -1, 1), (1, 1, -1)])
def test_an_affine_that_is_not_ras_is_refused(tmp_path, voxels, signs):
    write(tmp_path, voxels, signs=signs)
    with pytest.raises(RefusedVolume, match="not ordered right-anterior-superior"):
        accept_volume(tmp_path, NAME, stack_of(voxels))


def test_a_truncated_file_is_refused(tmp_path, voxels):
    path = write(tmp_path, voxels)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(RefusedVolume, match="cannot be read"):
        accept_volume(tmp_path, NAME, stack_of(voxels))


def test_stray_and_missing_files_are_refused(tmp_path, voxels):
    with pytest.raises(RefusedVolume, match="found nothing"):
        accept_volume(tmp_path, NAME, stack_of(voxels))
    write(tmp_path, voxels)
    write(tmp_path, voxels, NAME.replace("T1w", "T1w_Eq_1"))
    with pytest.raises(RefusedVolume, match="Eq_1"):
        accept_volume(tmp_path, NAME, stack_of(voxels))


def test_a_nifti_source_is_checked_against_its_own_header(tmp_path, voxels):
    source = nib.Nifti1Image(voxels[::-1].transpose(2, 0, 1), None)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = 1.0, -1.0, 1.0, 1.0
    affine[:3, :3] = np.diag(SPACING) @ np.array([[0, -1, 0], [0, 0, 1], [1, 0, 0]])
    source.set_sform(affine, 1)
    source.header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
    nib.save(source, tmp_path / "source.nii")
    (tmp_path / "anat").mkdir()
    write(tmp_path / "anat", voxels)
    assert accept_volume(tmp_path / "anat", NAME, nifti_stack(tmp_path / "source.nii")) == "checked"
    write(tmp_path / "anat", voxels[::-1])
    with pytest.raises(RefusedVolume, match="left and right"):
        accept_volume(tmp_path / "anat", NAME, nifti_stack(tmp_path / "source.nii"))


def test_a_nifti_source_without_directions_is_refused(tmp_path, voxels):
    image = nib.Nifti1Image(voxels, np.eye(4))
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "source.nii")
    with pytest.raises(BrokenSeries, match="left and right are unknown") as error:
        nifti_stack(tmp_path / "source.nii")
    assert "DICOM" in error.value.cure
