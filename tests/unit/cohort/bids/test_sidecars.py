import json

import pytest

from ldae.cohort.bids.sidecars import names_agent, read_facts, read_sidecar


@pytest.fixture
def image(tmp_path):
    return tmp_path / "sub-01_T1w.nii.gz"


def test_the_file_beside_the_image_goes_before_the_datasets(tmp_path, image):
    assert read_sidecar(image, tmp_path) == {}
    (tmp_path / "T1w.json").write_text('{"MagneticFieldStrength": 3, "Manufacturer": "X"}')
    assert read_sidecar(image, tmp_path)["MagneticFieldStrength"] == 3
    image.with_name("sub-01_T1w.json").write_text('{"MagneticFieldStrength": 1.5}')
    assert read_sidecar(image, tmp_path) == {"MagneticFieldStrength": 1.5, "Manufacturer": "X"}
    assert read_sidecar(image.with_suffix(""), tmp_path)["MagneticFieldStrength"] == 1.5


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"7", b"\xff\xfe"])
def test_what_is_no_json_object_is_an_error_for_the_facts_and_nothing_for_the_choice(tmp_path, image, content):
    image.with_name("sub-01_T1w.json").write_bytes(content)
    with pytest.raises(ValueError):
        read_sidecar(image, tmp_path)
    assert read_facts(image, tmp_path) == (False, (), "")


@pytest.mark.parametrize(
    "labels, agent",
    [
        ({"ce": "gd"}, True),
        ({"ce": "none"}, False),
        ({"ce": "pre", "acq": "gd"}, False),
        ({"acq": "T1gad"}, True),
        ({"acq": "postcontrast"}, True),
        ({"acq": "noncontrast"}, False),
        ({"acq": "preContrast"}, False),
        ({"acq": "highcontrast"}, False),
        ({"acq": "preGd"}, False),
        ({"acq": "withoutGd"}, False),
        ({"acq": "T1+C"}, True),
        ({"acq": "t1+corr"}, False),
        ({"rec": "gdc"}, False),
        ({"acq": "mprage", "rec": "norm"}, False),
        ({}, False),
    ],
)
def test_names_that_tell_of_a_contrast_agent(labels, agent):
    assert names_agent(labels) == agent


@pytest.mark.parametrize(
    "content, agent",
    [
        ({"ContrastBolusAgent": "NONE", "ContrastBolusVolume": 15}, False),
        ({"ContrastBolusAgent": "no contrast given"}, False),
        ({"ContrastBolusAgent": "not used", "ContrastBolusRoute": "IV"}, False),
        ({"ContrastBolusAgent": "Without"}, False),
        ({"ContrastBolusAgent": "n/a", "ContrastBolusVolume": 15}, True),
        ({"ContrastBolusAgent": "Gadovist", "ContrastBolusRoute": "none"}, True),
    ],
)
def test_an_agent_that_is_denied(tmp_path, image, content, agent):
    image.with_name("sub-01_T1w.json").write_text(json.dumps(content))
    assert read_facts(image, tmp_path).has_agent == agent


@pytest.mark.parametrize(
    "content, why",
    [
        ({"EchoTime": 0.1}, "EchoTime 100 ms"),
        ({"EchoTime": 0.003, "InversionTime": 2.5}, "InversionTime 2500 ms"),
        ({"ScanningSequence": "GR_EP"}, "echo-planar"),
        ({"ScanningSequence": ["EP", "GR"]}, "echo-planar"),
        ({"ImageType": "ORIGINAL\\PRIMARY\\P"}, "a phase image"),
        ({"EchoTime": 0.003, "InversionTime": 0.9, "RepetitionTime": 2.3, "ScanningSequence": "GR\\IR"}, ""),
        ({"EchoTime": "x", "InversionTime": [1], "ImageType": 7, "ScanningSequence": None}, ""),
        ({"EchoTime": 0.003, "SeriesDescription": "T2 of somebody"}, ""),
    ],
)
def test_json_files_tell_of_another_contrast_as_headers_do(tmp_path, image, content, why):
    image.with_name("sub-01_T1w.json").write_text(json.dumps(content))
    told = read_facts(image, tmp_path).other_contrast
    assert why in told and bool(why) == bool(told)
