import pydicom
import pytest

from ldae.cohort.series.dicom import VolumeFacts, check_series
from ldae.cohort.series.faults import BrokenSeries
from tests.adni_download import COLUMNS_OF_PIXELS, ROWS, SLICES, STEP_MM, edit_series, write_series

PTID = "011_S_0021"


@pytest.fixture
def series(tmp_path):
    return write_series(tmp_path, PTID, 10)


NUMBERINGS = {
    "from 101": lambda index: 101 + index,
    "from 0": lambda index: index,
    "downwards": lambda index: 50 - index,
    "in another order": lambda index: 1 + (index * 7) % SLICES,
    "odd": lambda index: 1 + 2 * index,
    "all the same": lambda index: 7,
    "in pairs": lambda index: 1 + index // 2,
    "one astray": lambda index: 2147483647 if index == 3 else index + 1,
    "at random": lambda index: (index * 7919) % 1009,
}


@pytest.mark.parametrize("number", NUMBERINGS.values(), ids=NUMBERINGS)
def test_slices_may_be_numbered_in_any_way(series, number):
    for index, path in enumerate(series):
        edit_series([path], InstanceNumber=number(index))
    for announced in (SLICES // 2, SLICES, 2 * SLICES):
        edit_series(series[:1], ImagesInAcquisition=announced)
        assert check_series(series) == VolumeFacts(SLICES, ROWS, COLUMNS_OF_PIXELS)


@pytest.mark.parametrize("without", [slice(None), slice(3, 5)])
def test_slices_need_no_number(series, without):
    for path in series[without]:
        image = pydicom.dcmread(path)
        del image.InstanceNumber
        image.save_as(path)
    assert check_series(series) == VolumeFacts(SLICES, ROWS, COLUMNS_OF_PIXELS)


@pytest.mark.parametrize("shift_mm, sound", [(0.15, True), (0.6, False)])
def test_slices_may_lie_off_by_a_tenth_of_their_distance(series, shift_mm, sound):
    edit_series(series[4:5], ImagePositionPatient=[4 * STEP_MM - 80 + shift_mm, -100, 100])
    if sound:
        assert check_series(series)
    else:
        with pytest.raises(BrokenSeries, match=r"from 3\.40 to 4\.60 mm"):
            check_series(series)


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("missing", [1, SLICES // 2, SLICES - 2])
def test_a_missing_inner_slice_is_found_whatever_the_numbers_say(series, missing, numbered):
    rest = series[:missing] + series[missing + 1 :]
    for index, path in enumerate(rest if numbered else []):
        edit_series([path], InstanceNumber=index + 1, ImagesInAcquisition=len(rest))
    with pytest.raises(BrokenSeries, match=r"1 slices missing .* 4\.00 mm apart, with a gap of 8\.00 mm"):
        check_series(rest)


def test_every_second_slice_is_missing_where_numbers_and_thickness_say_so(tmp_path):
    series = write_series(tmp_path, PTID, 10, 2 * SLICES)[::2]
    for index, path in enumerate(series):
        edit_series([path], ImagePositionPatient=[index * STEP_MM - 80, -100, 100], SliceThickness=STEP_MM / 2)
    with pytest.raises(BrokenSeries, match=r"goes up by 2, and slices of 2\.00 mm lie 4\.00 mm apart"):
        check_series(series)
    edit_series(series, SpacingBetweenSlices=STEP_MM)
    assert check_series(series)
    edit_series(series, SpacingBetweenSlices=0)
    for index, path in enumerate(series):
        edit_series([path], InstanceNumber=index + 1)
    assert check_series(series), "thin slices with gaps"


@pytest.mark.parametrize("lost", [slice(-1, None), slice(0, 1)])
def test_a_missing_end_is_found_where_numbers_and_announcement_agree(tmp_path, lost):
    series = write_series(tmp_path, PTID, 10, SLICES + 2)
    edit_series(series, ImagesInAcquisition=SLICES + 2)
    assert check_series(series)
    del series[lost]
    with pytest.raises(BrokenSeries, match=f"{SLICES + 1} of {SLICES + 2} slices .* missing at an end"):
        check_series(series)
    edit_series(series[:1], InstanceNumber=999)
    assert check_series(series), "numbers that follow no rule say nothing"


def test_slices_beside_their_line_are_found(series):
    edit_series(series[9:10], ImagePositionPatient=[9 * STEP_MM - 80, -99, 100])
    with pytest.raises(BrokenSeries, match=r"up to 1\.00 mm beside the line"):
        check_series(series)


def test_a_sheared_stack_is_found(series):
    for index, path in enumerate(series):
        edit_series([path], ImagePositionPatient=[index * 3.9 - 80, index * 0.3 - 100, 100])
    with pytest.raises(BrokenSeries, match=r"sheared volume: .* 4\.4 degrees"):
        check_series(series)


def test_directions_must_have_length_1(series):
    edit_series(series, ImageOrientationPatient=[0, 0.9, 0, 0, 0, -0.9])
    with pytest.raises(BrokenSeries, match="length 1"):
        check_series(series)
