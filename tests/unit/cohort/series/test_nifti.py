import nibabel as nib
import numpy as np
import pytest

from ldae.cohort.series.dicom import BrokenSeries, OtherImage, VolumeFacts
from ldae.cohort.series.nifti import check_nifti


def write(path, shape=(20, 30, 28), spacing=8.0):
    """An image of random voxels."""
    data = np.random.default_rng(0).integers(0, 4000, shape).astype(np.int16)
    image = nib.Nifti1Image(data, np.diag([spacing] * 3 + [1]))
    image.header["descrip"] = b"Jane Roe"
    nib.save(image, path)
    return path


@pytest.fixture(params=[".nii", ".nii.gz"])
def path(tmp_path, request):
    return tmp_path / f"x_S1_I7{request.param}"


def test_a_sound_volume_gives_its_sizes(path):
    assert check_nifti([write(path)]) == VolumeFacts(20, 30, 28)
    assert check_nifti([write(path, (20, 30, 28, 1))]) == VolumeFacts(20, 30, 28)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_a_truncated_file_is_found(path, share):
    content = write(path).read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BrokenSeries, match=path.name):
        check_nifti([path])


@pytest.mark.parametrize("content, reason", [(b"", "is empty"), (b"<html>login</html>" * 100, "cannot be read")])
def test_a_file_that_is_no_image_is_found(path, content, reason):
    path.write_bytes(content)
    with pytest.raises(BrokenSeries, match=reason):
        check_nifti([path])


@pytest.mark.parametrize(
    "shape, spacing, reason",
    [
        ((20, 30, 28, 6), 8.0, "4-D: 6 volumes"),
        ((20, 30, 3), 8.0, "voxels only"),
        ((20, 30, 28), 4.0, "80 x 120 x 112"),
    ],
)
def test_what_is_no_head_is_found(path, shape, spacing, reason):
    with pytest.raises(OtherImage, match=reason) as error:
        check_nifti([write(path, shape, spacing)])
    assert "Jane" not in str(error.value)


def test_two_files_of_one_image_are_refused(path):
    with pytest.raises(BrokenSeries, match="2 NIfTI files") as error:
        check_nifti([path, path])
    assert error.value.cure == "keep one"
