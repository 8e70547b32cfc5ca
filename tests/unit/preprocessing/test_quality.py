import numpy as np
import pytest

from ldae.preprocessing.grid import covering_grid, mni_template
from ldae.preprocessing.quality import QC_SPACING_MM, measure_alignment, measure_native
from ldae.preprocessing.volume import Volume

GRID = covering_grid(QC_SPACING_MM)


@pytest.fixture(scope="module")
def template():
    return mni_template(GRID)


def measured(template, change=lambda data: data):
    brain = np.where(template.brain, template.t1, 0).astype(np.float32)
    return measure_alignment(GRID.volume(change(brain)), change(template.brain), template)


def test_the_template_matches_itself(template):
    numbers = measured(template)
    assert numbers["dice"] == 1 and numbers["outside"] == 0 and numbers["missing"] == 0
    assert numbers["ncc"] == pytest.approx(1)
    assert numbers["mutual_information"] > 0.8
    assert numbers["white_grey_ratio"] > 1.15


@pytest.mark.parametrize("axis", [1, 2])
def test_flips_lower_every_agreement(template, axis):
    good, flipped = measured(template), measured(template, lambda data: np.flip(data, axis))
    for name in ("dice", "mutual_information", "ncc", "white_grey_ratio"):
        assert flipped[name] < good[name], name
    assert flipped["outside"] > 0.02


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


def test_native_volume_and_border():
    mask = np.zeros((10, 10, 10), bool)
    mask[0:5, 2:7, 2:7] = True
    numbers = measure_native(Volume(mask.astype(np.float32), np.diag([2.0, 2.0, 2.0, 1.0])), mask)
    assert numbers["brain_volume_ml"] == pytest.approx(1.0)
    assert numbers["border"] == pytest.approx(0.2)
