import pytest

from ldae.cohort.series.contrast import other_contrast
from ldae.cohort.series.dicom import check_series
from ldae.cohort.series.faults import OtherImage
from tests.adni_download import edit_series, write_series


def judge(**elements):
    """The rule on header elements given as values."""

    def find(element, convert, default):
        return convert(elements[element]) if element in elements else default

    return other_contrast(find)


SIEMENS = {"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"], "ScanningSequence": ["GR", "IR"], "EchoTime": "2.98"}
T1 = {
    "Siemens MPRAGE": SIEMENS | {"InversionTime": "900", "RepetitionTime": "2300"},
    "GE IR-SPGR": {"ScanningSequence": "GR", "EchoTime": "3.9", "InversionTime": "400", "RepetitionTime": "7.3"},
    "Philips MPRAGE": {"ScanningSequence": "GR", "EchoTime": "3.1", "InversionTime": "0", "RepetitionTime": "6.8"},
    "a description that says T2 of a short echo": SIEMENS | {"SeriesDescription": "Axial T2 FLAIR"},
    "T1 spin echo": {"ScanningSequence": "SE", "EchoTime": "12", "RepetitionTime": "600"},
    "magnitude and phase": SIEMENS | {"ImageType": ["ORIGINAL", "PRIMARY", "M", "P"]},
    "gradient and spin echo": {"ScanningSequence": ["SE", "GR"], "EchoTime": "4", "RepetitionTime": "2000"},
    "a b-value of zero": SIEMENS | {"DiffusionBValue": "0"},
    "no contrast elements at all": {"ImageType": ["DERIVED", "SECONDARY"]},
    "the description alone": {"SeriesDescription": "MP-RAGE repeat"},
    "T1 beside another word": {"SeriesDescription": "T1 MPRAGE REST"},
}
OTHER = {
    "T2-star": ({"ScanningSequence": "GR", "EchoTime": "20", "RepetitionTime": "650"}, "EchoTime 20 ms"),
    "T2": ({"ScanningSequence": "SE", "EchoTime": "98", "RepetitionTime": "3000"}, "EchoTime 98 ms"),
    "PD": ({"ScanningSequence": "SE", "EchoTime": "10.5", "RepetitionTime": "3000"}, "RepetitionTime 3000 ms"),
    "FLAIR": ({"ScanningSequence": ["SE", "IR"], "EchoTime": "14", "InversionTime": "2500"}, "InversionTime 2500 ms"),
    "fMRI": ({"ScanningSequence": "EP", "EchoTime": "12"}, "echo-planar"),
    "DTI": ({"ScanningSequence": "RM", "DiffusionBValue": "1000"}, "diffusion"),
    "diffusion by type": ({"ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]}, "diffusion"),
    "localiser": ({"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER", "EchoTime": "5"}, "localiser"),
    "field map": ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"], "EchoTime": "7"}, "phase"),
    "FLAIR by description": ({"SeriesDescription": "Sagittal 3D FLAIR"}, "SeriesDescription"),
    "scout by protocol": ({"ProtocolName": "3 Plane Localizer"}, "ProtocolName"),
}


@pytest.mark.parametrize("elements", T1.values(), ids=T1)
def test_t1_weighted_series_pass(elements):
    assert judge(**elements) == ""


@pytest.mark.parametrize("elements, reason", OTHER.values(), ids=OTHER)
def test_others_do_not_and_the_rule_is_told_without_their_text(elements, reason):
    said = judge(**elements)
    assert reason in said
    texts = [elements.get(name, "-") for name in ("SeriesDescription", "ProtocolName")]
    assert not any(text in said for text in texts if text != "-")


def test_the_rule_sees_the_headers_of_a_series(tmp_path):
    series = write_series(tmp_path, "011_S_0021", 10)
    edit_series(series, EchoTime="98.0", ScanningSequence=["SE"])
    with pytest.raises(OtherImage, match="EchoTime 98 ms") as error:
        check_series(series)
    assert error.value.cure.startswith("none")
