import nibabel as nib
import numpy as np
import pytest

from ldae.cohort.series.dicom import VolumeFacts
from ldae.cohort.series.faults import BrokenSeries, OtherImage
from ldae.cohort.series.nifti import check_nifti, orientation_of, read_nifti_header
from tests.damage import rewrite_header


def write(path, shape=(40, 32, 36), spacing=4.0, dtype=np.int16, kind=nib.Nifti1Image):
    """An image of random voxels."""
    data = np.random.default_rng(0).integers(0, 4000, shape).astype(dtype)
    image = kind(data, np.diag([spacing] * 3 + [1]), dtype=dtype)
    image.header["descrip"] = b"Jane Roe"
    nib.save(image, path)
    return path


@pytest.fixture(params=[".nii", ".nii.gz"])
def path(tmp_path, request):
    return tmp_path / f"x_S1_I7{request.param}"


@pytest.mark.parametrize("further", [(), (1,), (1, 1), (1, 1, 1, 1)])
def test_a_sound_volume_gives_its_sizes(path, further):
    assert check_nifti([write(path, (40, 32, 36, *further))]) == VolumeFacts(40, 32, 36)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64", ">i2", ">f4", "float64"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_real_numbers_of_any_type_and_either_version_are_sound(path, dtype, kind):
    write(path, dtype=np.dtype(dtype), kind=kind)
    np.testing.assert_array_equal(read_nifti_header(path).affine, np.diag([4, 4, 4, 1]))
    assert check_nifti([path])


COLOUR = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


@pytest.mark.parametrize("dtype, reason", [(COLOUR, "colour"), (np.complex64, "complex")])
def test_colour_and_complex_numbers_are_named(path, dtype, reason):
    nib.Nifti1Image(np.ones((40, 32, 36), dtype), np.diag([4, 4, 4, 1])).to_filename(path)
    with pytest.raises(OtherImage, match=reason) as error:
        check_nifti([path])
    assert error.value.cure


@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_a_truncated_file_is_found(path, share):
    content = write(path).read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BrokenSeries, match=r"^the file "):
        check_nifti([path])


@pytest.mark.parametrize("content, reason", [(b"", "is empty"), (b"<html>login</html>" * 100, "cannot be read")])
def test_a_file_that_is_no_image_is_found(path, content, reason):
    path.write_bytes(content)
    with pytest.raises(BrokenSeries, match=reason):
        check_nifti([path])


@pytest.mark.parametrize(
    "shape, spacing, reason",
    [
        ((40, 32, 36, 6), 4.0, "4-D: 6 volumes"),
        ((40, 32, 36, 1, 3), 4.0, "5-D: 3 volumes"),
        ((40, 32), 4.0, "40 x 32 voxels only"),
        ((40, 32, 3), 4.0, "voxels only"),
        ((40, 32, 36), 3.0, "120 x 96 x 108 mm: a slab"),
        ((40, 32, 36), 4.8, "voxels of 4.8 x 4.8 x 4.8 mm"),
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


def test_a_header_in_another_format_and_a_broken_one_are_named(path):
    nib.AnalyzeImage(np.ones((40, 32, 36), np.int16), np.eye(4)).to_filename(path.with_name("x.img"))
    for read in (read_nifti_header, orientation_of):
        with pytest.raises(BrokenSeries, match="no NIfTI header"):
            read(path.with_name("x.img"))
    rewrite_header(write(path), datatype=1234)
    with pytest.raises(BrokenSeries, match="cannot be read"):
        check_nifti([path])
    with pytest.raises(BrokenSeries, match="FileNotFoundError"):
        read_nifti_header(path.with_name("absent.nii"))


def test_damaged_headers_are_broken_images_whatever_they_are(path):
    """Two hundred headers with random bytes: only BrokenSeries comes out, and never the text."""
    sound = write(path.with_name("sound.nii")).read_bytes()
    rng = np.random.default_rng(0)
    faults = []
    for _ in range(200):
        content = bytearray(sound)
        for place in rng.integers(0, 348, 8):
            content[place] = rng.integers(256)
        damaged = path.with_name("damaged.nii")
        damaged.write_bytes(content)
        try:
            check_nifti([damaged])
        except BrokenSeries as fault:
            faults.append(f"{fault} {fault.cure}")
    assert len(faults) > 50
    assert "Jane" not in "".join(faults)
