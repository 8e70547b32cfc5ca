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
    assert read_facts(image, tmp_path) == (False, ())


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
        ({"acq": "mprage", "rec": "norm"}, False),
        ({}, False),
    ],
)
def test_names_that_tell_of_a_contrast_agent(labels, agent):
    assert names_agent(labels) == agent
