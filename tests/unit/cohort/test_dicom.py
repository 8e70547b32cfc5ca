import pytest

from ldae.cohort.dicom import BrokenSeries, Series, check_series
from tests.adni_download import COLUMNS_OF_PIXELS, ROWS, SLICES, edit_series, write_series

PTID = "011_S_0021"


@pytest.fixture
def series(tmp_path):
    return write_series(tmp_path, PTID, 10)


def test_a_sound_series_gives_its_sizes(series):
    assert check_series(series[::-1], PTID) == Series(SLICES, ROWS, COLUMNS_OF_PIXELS)


@pytest.mark.parametrize("missing", [1, SLICES // 2, SLICES - 2])
def test_a_missing_inner_slice_is_found(series, missing):
    with pytest.raises(BrokenSeries, match=f"1 slices missing, first InstanceNumber {missing + 1}"):
        check_series(series[:missing] + series[missing + 1 :])


def test_a_missing_last_slice_is_found_where_the_headers_announce_it(series):
    edit_series(series, ImagesInAcquisition=SLICES)
    assert check_series(series)
    with pytest.raises(BrokenSeries, match=f"{SLICES - 1} of {SLICES}"):
        check_series(series[:-1])


@pytest.mark.parametrize("lost", [1, 100, ROWS * COLUMNS_OF_PIXELS * 2])
def test_a_truncated_file_is_found(series, lost):
    series[4].write_bytes(series[4].read_bytes()[:-lost])
    with pytest.raises(BrokenSeries, match="truncated"):
        check_series(series)


@pytest.mark.parametrize("size", [0, 100, 140, 400])
def test_a_file_cut_in_its_header_is_found(series, size):
    series[4].write_bytes(series[4].read_bytes()[:size])
    with pytest.raises(BrokenSeries, match=series[4].name):
        check_series(series)


def test_a_file_that_is_no_dicom_is_found(series):
    series[4].write_text("<html>login</html>" * 100)
    with pytest.raises(BrokenSeries, match="not a DICOM"):
        check_series(series)


def test_mixed_series_are_found(series, tmp_path):
    with pytest.raises(BrokenSeries, match="2 series"):
        check_series(series + write_series(tmp_path, PTID, 11))


@pytest.mark.parametrize(
    "values, reason",
    [
        ({"InstanceNumber": 6}, "twice"),
        ({"ImagePositionPatient": [0.0, -100, 100]}, "slice distance"),
        ({"PixelSpacing": [5.0, 7.0]}, "pixel spacings"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}, "orientations"),
    ],
)
def test_one_deviating_slice_is_found(series, values, reason):
    edit_series(series[4:5], **values)
    with pytest.raises(BrokenSeries, match=reason):
        check_series(series)


def test_a_series_of_another_subject_is_found_without_naming_it(series):
    edit_series(series, PatientID="012_S_0345")
    with pytest.raises(BrokenSeries, match="another subject") as error:
        check_series(series, PTID)
    assert "0345" not in str(error.value)


def test_no_file_and_one_slice_are_no_volume(series):
    for files in ([], series[:1]):
        with pytest.raises(BrokenSeries):
            check_series(files)
