import numpy as np
import pytest

from ldae.preprocessing.grid import QC_GRID, mni_template
from ldae.preprocessing.quality import measure_alignment, measure_native
from ldae.preprocessing.volume import Volume


@pytest.fixture(scope="module")
def template():
    return mni_template(QC_GRID)


def measured(template, change=lambda data: data):
    brain = np.where(template.brain, template.t1, 0).astype(np.float32)
    return measure_alignment(QC_GRID.volume(change(brain)), change(template.brain), template)


def test_the_template_matches_itself(template):
    numbers = measured(template)
    assert numbers["dice"] == 1 and numbers["outside"] == 0 and numbers["missing"] == 0
    assert numbers["ncc"] == pytest.approx(1)
    assert numbers["mutual_information"] > 0.8
    assert numbers["white_grey_ratio"] > 1.15


@pytest.mark.parametrize("axis", [1, 2])
def test_flips_lower_every_agreement(template, axis):
    good, flipped = measured(template), measured(template, lambda data: np.flip(data, axis))
    for name in ("dice", "mutual_information", "ncc", "upright", "white_grey_ratio"):
        assert flipped[name] < good[name], name
    assert flipped["outside"] > 0.02
    assert flipped["upright"] < 0 < 0.2 < good["upright"]


def test_a_missing_top_is_counted(template):
    def cut(data):
        cut = data.copy()
        cut[:, :, 60:] = 0
        return cut

    share = template.brain[:, :, 60:].sum() / template.brain.sum()
    assert measured(template, cut)["missing"] == pytest.approx(share)


def test_inverted_contrast_turns_the_ratio(template):
    numbers = measured(template, lambda data: data if data.dtype == bool else np.where(data > 0, 1 - data, 0))
    assert numbers["white_grey_ratio"] < 1 and numbers["ncc"] < 0


def test_an_empty_brain_gives_numbers(template):
    numbers = measured(template, lambda data: data & False if data.dtype == bool else data * 0)
    assert numbers["missing"] == 1 and numbers["ncc"] == 0 and numbers["white_grey_ratio"] == 0


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0])
def test_the_area_of_a_cut_is_the_same_on_other_voxels(spacing_mm):
    """A block of 20 x 40 x 40 mm that touches two faces of the image with 40 x 40 and 20 x 40 mm."""
    mask = np.zeros(tuple(round(size / spacing_mm) for size in (60, 80, 80)), bool)
    block = tuple(slice(*(round(at / spacing_mm) for at in edges)) for edges in ((0, 20), (40, 80), (20, 60)))
    mask[block] = True
    noise = np.random.default_rng(0).uniform(0, 1, mask.shape).astype(np.float32)
    numbers = measure_native(Volume(noise, np.diag([spacing_mm] * 3 + [1])), mask)
    assert numbers["brain_volume_ml"] == pytest.approx(32)
    assert numbers["border"] == pytest.approx(16 + 8)


def test_a_part_set_to_zero_is_a_cut_too():
    data = np.random.default_rng(0).uniform(0, 1, (30, 30, 30)).astype(np.float32)
    mask = np.zeros(data.shape, bool)
    mask[10:20, 10:20, 5:25] = True
    whole = measure_native(Volume(data, np.eye(4)), mask)
    data[:, :, :8] = 0
    assert whole["border"] == 0
    assert measure_native(Volume(data, np.eye(4)), mask)["border"] == pytest.approx(1.0)
