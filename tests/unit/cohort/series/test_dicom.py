import logging

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from ldae.cohort.series.dicom import VolumeFacts, check_series
from ldae.cohort.series.faults import BrokenSeries, OtherImage
from tests.adni_download import COLUMNS_OF_PIXELS, ROWS, SLICES, STEP_MM, edit_series, write_series

PTID = "011_S_0021"


@pytest.fixture
def series(tmp_path):
    return write_series(tmp_path, PTID, 10)


def test_a_sound_series_gives_its_sizes(series):
    assert check_series(series[::-1], PTID) == VolumeFacts(SLICES, ROWS, COLUMNS_OF_PIXELS)


def test_colour_is_no_scan(series):
    edit_series(series, SamplesPerPixel=3, BitsAllocated=8)
    for path in series:
        image = pydicom.dcmread(path)
        image.PixelData = bytes(ROWS * COLUMNS_OF_PIXELS * 3)
        image.save_as(path)
    with pytest.raises(OtherImage, match="colour"):
        check_series(series)


@pytest.mark.parametrize("lost", [1, 100, ROWS * COLUMNS_OF_PIXELS * 2])
def test_a_truncated_file_is_found(series, lost):
    series[4].write_bytes(series[4].read_bytes()[:-lost])
    with pytest.raises(BrokenSeries, match="truncated"):
        check_series(series)


@pytest.mark.parametrize("size", [0, 100, 140, 400])
def test_a_file_cut_in_its_header_is_found(series, size):
    series[4].write_bytes(series[4].read_bytes()[:size])
    with pytest.raises(BrokenSeries, match=f"file 5 of {SLICES}"):
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
        ({"ImagePositionPatient": [0.0, -100, 100]}, "1 slices lie in the place of another"),
        ({"ImagePositionPatient": [1.0, -100, 100]}, "slice distance"),
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


def test_the_field_strength_comes_along(series):
    edit_series(series, MagneticFieldStrength=2.894)
    assert check_series(series).field_strength_t == pytest.approx(2.894)
    edit_series(series, MagneticFieldStrength=15000)
    assert check_series(series).field_strength_t == 1.5, "in gauss"


def test_all_faulty_files_are_counted(series):
    for path in series[3:6]:
        path.write_bytes(b"")
    with pytest.raises(BrokenSeries, match=f"file 4 of {SLICES} is empty, and 2 more of {SLICES} files"):
        check_series(series)


def test_copies_of_slices_are_told_from_volumes(series):
    copy = series[2].with_name("copy.dcm")
    copy.write_bytes(series[2].read_bytes())
    with pytest.raises(BrokenSeries, match="same SOPInstanceUID") as error:
        check_series([*series, copy])
    assert not isinstance(error.value, OtherImage)
    assert "remove" in error.value.cure


def test_a_link_to_nothing_is_found(series):
    series[4].unlink()
    series[4].symlink_to("gone.dcm")
    with pytest.raises(BrokenSeries, match="FileNotFoundError"):
        check_series(series)


@pytest.mark.parametrize("complete", [True, False])
def test_repeated_positions_are_4d(series, complete):
    for number, path in enumerate(series if complete else series[:-3]):
        image = pydicom.dcmread(path)
        image.InstanceNumber, image.SOPInstanceUID = SLICES + 1 + number, generate_uid()
        series.append(path.with_name(f"second{number}.dcm"))
        image.save_as(series[-1])
        if number == SLICES - 1:
            break
    with pytest.raises(OtherImage, match=f"4-D: {len(series)} slices at {SLICES} positions"):
        check_series(series)


def test_temporal_positions_are_4d(series):
    edit_series(series, NumberOfTemporalPositions=140)
    with pytest.raises(OtherImage, match="4-D: 140 volumes"):
        check_series(series)


def test_several_orientations_are_a_localiser(series):
    edit_series(series[:7], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    edit_series(series[7:14], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    with pytest.raises(OtherImage, match="3 orientations in one folder: a localiser"):
        check_series(series)


@pytest.mark.parametrize("slices, reason", [(9, "9 slices only"), (12, "140 x 135 x 48 mm: a slab")])
def test_few_slices_and_slabs_are_no_head(tmp_path, slices, reason):
    with pytest.raises(OtherImage, match=reason):
        check_series(write_series(tmp_path, PTID, 10, slices))


@pytest.mark.parametrize("element", ["Rows", "ImagePositionPatient", "PixelSpacing", "SeriesInstanceUID"])
def test_an_absent_element_is_named(series, element):
    image = pydicom.dcmread(series[3])
    del image[element]
    image.save_as(series[3])
    with pytest.raises(BrokenSeries, match=f"file 4 of {SLICES} lacks {element}"):
        check_series(series)


def enhanced(series, path):
    """The series as one enhanced MR file."""
    image = pydicom.dcmread(series[0])
    frames = []
    for number in range(SLICES):
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [number * STEP_MM - 80, -100, 100]
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    shared, plane, pixels = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient, pixels.PixelSpacing = image.ImageOrientationPatient, image.PixelSpacing
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [plane], [pixels]
    image.SharedFunctionalGroupsSequence, image.PerFrameFunctionalGroupsSequence = [shared], frames
    image.NumberOfFrames, image.PixelData = SLICES, image.PixelData * SLICES
    for element in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del image[element]
    image.save_as(path)
    return path, image


def test_an_enhanced_file_is_a_series_of_its_own(series, tmp_path):
    path, image = enhanced(series, tmp_path / "enhanced.dcm")
    assert check_series([path]) == VolumeFacts(SLICES, ROWS, COLUMNS_OF_PIXELS)
    own = Dataset()
    own.PixelSpacing = [5.0, 7.0]
    image.PerFrameFunctionalGroupsSequence[7].PixelMeasuresSequence = [own]
    image.save_as(path)
    with pytest.raises(BrokenSeries, match="pixel spacings"):
        check_series([path])
    del image.PerFrameFunctionalGroupsSequence[7].PixelMeasuresSequence
    image.PerFrameFunctionalGroupsSequence[7].PlanePositionSequence[0].ImagePositionPatient = [1, 0, 0]
    image.save_as(path)
    with pytest.raises(BrokenSeries, match="slice distance"):
        check_series([path])
    del image.PerFrameFunctionalGroupsSequence[7]
    image.save_as(path)
    with pytest.raises(BrokenSeries, match="functional groups"):
        check_series([path])


TEXTS = ["PatientName", "PatientID", "SeriesDescription", "ProtocolName", "InstitutionName", "StationName"]


@pytest.mark.parametrize("element", ["ImageOrientationPatient", "PixelSpacing", "SliceThickness", "EchoTime", "Rows"])
def test_no_message_warning_or_log_quotes_header_text(series, element, caplog, recwarn, capfd):
    """A value is replaced by a name, of the same length as pydicom wants it."""
    edit_series(series, **dict.fromkeys(TEXTS, "JaneRoe"), EchoTime=2.9)
    content = bytearray(series[3].read_bytes())
    tag = pydicom.datadict.tag_for_keyword(element)
    start = content.index((tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")) + 8
    length = int.from_bytes(content[start - 2 : start], "little")
    content[start : start + length] = (b"JaneRoe" * 10)[:length]
    series[3].write_bytes(content)
    with caplog.at_level(logging.DEBUG):
        try:
            check_series(series)
        except BrokenSeries as fault:
            assert element in str(fault) or "Rows" in str(fault) or "truncated" in str(fault)
            assert "Jane" not in f"{fault} {fault.cure} {fault.__cause__}"
    assert "Jane" not in caplog.text + "".join(str(warning.message) for warning in recwarn)
    assert "Jane" not in "".join(capfd.readouterr())


def test_damaged_bytes_are_a_broken_series_whatever_they_are(series):
    """A hundred headers with random bytes: only BrokenSeries comes out, and never the name."""
    edit_series(series, **dict.fromkeys(TEXTS, "JaneRoe"))
    rng = np.random.default_rng(0)
    sound = series[3].read_bytes()
    broken = 0
    for _ in range(100):
        content = bytearray(sound)
        for place in rng.integers(132, len(sound) - ROWS * COLUMNS_OF_PIXELS * 2, 8):
            content[place] = rng.integers(256)
        series[3].write_bytes(content)
        try:
            check_series(series[2:])
        except BrokenSeries as fault:
            broken += 1
            assert "Jane" not in str(fault)
    assert broken > 20
