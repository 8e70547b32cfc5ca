"""What captions say of the cohort."""

import pytest

from ldae.config.load import load_config
from ldae.config.told import describe_cohort, warn_of_size
from tests.unit.config.conftest import ROOT


@pytest.fixture
def parse(tmp_path):
    """A function of YAML text that gives the configuration with it laid over."""

    def load(overlay: str):
        (tmp_path / "mine.yaml").write_text(overlay, encoding="utf-8")
        return load_config(ROOT / "config.yaml", tmp_path / "mine.yaml")

    return load


@pytest.mark.parametrize(
    "overlay, warned",
    [
        ("cohort: {source: bids, bids_dir: /data}", True),
        ("cohort: {source: adni, dicom_dir: /data, clinical_dir: /data}", True),
        (
            "{cohort: {source: bids, bids_dir: d}, preprocessing: {grid_spacing_mm: 3, grid_shape: [64, 64, 64]}}",
            False,
        ),
        ("{cohort: {source: bids, bids_dir: /data}, models_from: /models}", False),
        ("seed: 1", False),
    ],
)
def test_real_scans_on_a_coarse_grid_are_warned_of(parse, overlay, warned):
    config = parse(overlay)
    assert ("voxels of 5 mm" in warn_of_size(config)) == warned
    assert ("**Not for publication**" in describe_cohort(config)) == warned
    assert ("presets/paper.yaml" in warn_of_size(config)) == warned


def test_a_caption_names_the_phantom_the_source_and_a_pilot(parse):
    assert describe_cohort(parse("seed: 1")).startswith("**Phantom**: fabricated data")
    real = "cohort: {source: adni, dicom_dir: /data, clinical_dir: /data%s}"
    assert describe_cohort(parse(real % "")).startswith("Cohort: source ``adni``.")
    for pilot in ("subjects: 3", "sessions: [M000]"):
        assert describe_cohort(parse(real % f", {pilot}")).startswith("Cohort: a pilot of the source ``adni``.")
