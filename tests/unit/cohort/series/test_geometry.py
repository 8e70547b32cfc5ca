import nibabel as nib
import numpy as np
import pytest

from ldae.cohort.series.faults import BrokenSeries, OtherImage
from ldae.cohort.series.geometry import check_geometry


def geometry(spacing, shape, shear=0.0):
    axes = np.diag(spacing)
    axes[0, 1] = shear * spacing[1]
    check_geometry(shape, nib.eulerangles.euler2mat(0.3, 0.2, -0.1) @ axes)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_voxels_and_field_of_view_are_good_up_to_their_limits_along_every_axis(axis):
    def along(special, other):
        return [special if a == axis else other for a in range(3)]

    geometry(along(4.0, 2.0), along(30, 90))  # exactly 4 mm and 120 mm
    geometry(along(0.3, 4.0), along(400, 40))
    geometry(along(0.3 * (1 - 1e-6), 4.0), along(400, 40))
    with pytest.raises(OtherImage, match="voxels of"):
        geometry(along(4.01, 2.0), along(50, 90))
    with pytest.raises(OtherImage, match="voxels of"):
        geometry(along(0.29, 4.0), along(490, 40))
    with pytest.raises(OtherImage, match="field of view of"):
        geometry(along(4.0, 2.0), along(29, 90))
    with pytest.raises(OtherImage, match="voxels only"):
        geometry(along(4.0, 2.0), along(9, 90))


def test_axes_may_be_a_degree_off_and_no_more():
    geometry((1.0, 1.2, 3.0), (150, 150, 60), shear=0.018)
    geometry((1.0, 1.2, 3.0), (150, 150, 60), shear=-0.018)
    for shear in (0.025, -0.025):
        with pytest.raises(BrokenSeries, match=r"1\.4 degrees from perpendicular"):
            geometry((1.0, 1.2, 3.0), (150, 150, 60), shear)


@pytest.mark.parametrize("broken", [np.nan, np.inf, 0])
def test_axes_that_span_no_volume_are_named(broken):
    axes = np.diag([1.0, 1.0, broken])
    with pytest.raises(BrokenSeries, match=r"the affine (holds values that are not finite|spans no volume)"):
        check_geometry((150, 150, 150), axes)
