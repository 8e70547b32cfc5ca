import nibabel as nib
import numpy as np
import pytest

from ldae.cohort.series.faults import BrokenSeries
from ldae.cohort.series.forms import read_orientation
from tests.damage import form_fields

AFFINE = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.2, 0.1, -0.1) * (0.9375, 0.9375, 1.2), (-90, -120, -70))
SHAPE = (192, 192, 160)
PIXDIM = np.array([1, 0.9375, 0.9375, 1.2, 0, 0, 0, 0], np.float32)


def header_of(sform=None, qform=None, codes=(1, 1), **fields):
    header = nib.Nifti1Header()
    header.set_data_shape(SHAPE)
    for name, value in {**form_fields(sform, qform, codes), **fields}.items():
        header[name] = value
    return header


def stretched(*factors):
    return AFFINE @ np.diag([*factors, 1])


def turned(degrees, shift_mm=(0, 0, 0)):
    return nib.affines.from_matvec(nib.eulerangles.euler2mat(0, 0, np.radians(degrees)), shift_mm) @ AFFINE


LAS = AFFINE @ np.diag([-1, 1, 1, 1])
SOUND = {
    "sform alone": (header_of(AFFINE, None, pixdim=PIXDIM), AFFINE, "RAS (sform)"),
    "qform alone": (header_of(None, AFFINE), AFFINE, "RAS (qform)"),
    "qform alone, left first": (header_of(None, LAS), LAS, "LAS (qform)"),
    "qform alone, a qfac of 0": (header_of(None, AFFINE, pixdim=PIXDIM * [0, 1, 1, 1, 1, 1, 1, 1]), AFFINE, "RAS"),
    "both": (header_of(AFFINE, AFFINE), AFFINE, "RAS (sform)"),
    "rounded voxel sizes": (header_of(stretched(0.94 / 0.9375, 1, 1), AFFINE), None, "RAS (sform)"),
    "aligned elsewhere": (header_of(turned(20, (5, 0, 30)), AFFINE, (2, 1)), turned(20, (5, 0, 30)), "turned by 20"),
    "a rigid template": (header_of(turned(8), AFFINE, (4, 1)), turned(8), "turned by 8 degrees"),
    "a stretched template": (header_of(stretched(1.1, 1.2, 1.1), AFFINE, (4, 1)), AFFINE, "leads to a template"),
    "Talairach": (header_of(stretched(0.8, 1.2, 1.1), AFFINE, (3, 2)), AFFINE, "leads to a template"),
    "a forgotten qform": (header_of(AFFINE, None, pixdim=PIXDIM, qoffset_x=np.nan), AFFINE, "RAS (sform)"),
    "a forgotten sform": (header_of(None, AFFINE, srow_x=np.nan), AFFINE, "RAS (qform)"),
}


@pytest.mark.parametrize("header, affine, words", SOUND.values(), ids=SOUND)
def test_the_affine_of_the_scan_itself_is_found_and_said(header, affine, words):
    found = read_orientation(header)
    assert words in found.words
    if affine is not None:
        np.testing.assert_allclose(found.affine, affine, atol=1e-3)


SIZES = "0.9375 x 0.9375 x 1.2 mm by pixdim"
REFUSED = {
    "no form": (header_of(), "codes 0"),
    "5 %": (
        header_of(stretched(1.05, 1.05, 1.05), AFFINE),
        f"{SIZES} and qform, 0.9844 x 0.9844 x 1.26 mm by the sform",
    ),
    "1 % of one axis": (header_of(stretched(1, 1, 0.99), AFFINE), f"{SIZES} and qform, 0.9375 x 0.9375 x 1.188 mm"),
    "aligned, but stretched": (header_of(stretched(1.05, 1, 1), AFFINE, (2, 1)), SIZES),
    "a template alone": (header_of(stretched(1.1, 1.2, 1.1), None, (4, 0), pixdim=PIXDIM), SIZES),
    "pixdim against the sform": (header_of(AFFINE, None, pixdim=np.ones(8)), "1 x 1 x 1 mm by pixdim, 0.9375"),
    "pixdim of 0": (header_of(AFFINE, None, pixdim=PIXDIM * [1, 0, 1, 1, 1, 1, 1, 1]), "0 x 0.9375 x 1.2 mm by pixdim"),
    "NaN in pixdim": (header_of(AFFINE, None, pixdim=PIXDIM * [1, np.nan, 1, 1, 1, 1, 1, 1]), "nan x 0.9375 x 1.2"),
    "qform, pixdim of 0": (header_of(None, AFFINE, pixdim=PIXDIM * [1, 1, 1, 0, 1, 1, 1, 1]), "0.9375 x 0.9375 x 0 mm"),
    "mirrored": (header_of(AFFINE, LAS), "sform RAS and qform LAS, 180 degrees"),
    "mirrored template": (header_of(LAS @ np.diag([1.1, 1.2, 1.1, 1]), AFFINE, (4, 1)), "sform LAS and qform RAS"),
    "turned, same space": (header_of(turned(5), AFFINE), "both of code 1, are 5.0 degrees"),
    "shifted, same space": (header_of(turned(0, (40, 0, 0)), AFFINE), "up to 40 mm apart"),
    "NaN in the sform": (header_of(AFFINE, AFFINE, srow_y=np.nan), "the sform holds values that are not finite"),
    "infinite shift": (header_of(AFFINE, None, pixdim=PIXDIM, srow_y=[0, 0.9375, 0, np.inf]), "not finite"),
    "a row of zeros": (header_of(AFFINE, AFFINE, srow_z=0), "the sform spans no volume"),
    "a zero sform": (header_of(AFFINE, AFFINE, srow_x=0, srow_y=0, srow_z=0), "the sform spans no volume"),
    "no quaternion": (header_of(None, AFFINE, quatern_b=0.9, quatern_c=0.9), "quaternion is none"),
    "NaN in the quaternion": (header_of(None, AFFINE, quatern_b=np.nan), "the qform holds values that are not finite"),
    "NaN in the offset": (header_of(None, AFFINE, qoffset_z=np.nan), "the qform holds values that are not finite"),
}


@pytest.mark.parametrize("header, reason", REFUSED.values(), ids=REFUSED)
def test_contradictions_and_broken_forms_are_named_with_both_numbers(header, reason):
    with pytest.raises(BrokenSeries) as error:
        read_orientation(header)
    assert reason in str(error.value)
    assert error.value.cure
