import numpy as np
import pytest

from ldae.preprocessing.grid import QC_GRID, Grid, Template, mni_template
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
    assert measure_native(Volume(data, np.eye(4)), mask, cut_out=True)["border"] == 0


def test_volume_and_border_of_oblong_voxels():
    """A block of 10 x 20 x 30 mm on voxels of 1 x 2 x 3 mm, at the right and at the lower end of the image."""
    mask = np.zeros((24, 26, 28), bool)
    mask[-10:, 8:18, :10] = True
    noise = np.random.default_rng(1).uniform(0, 1, mask.shape).astype(np.float32)
    numbers = measure_native(Volume(noise, np.diag([1.0, 2.0, 3.0, 1.0])), mask)
    assert numbers["brain_volume_ml"] == pytest.approx(6.0)
    assert numbers["border"] == pytest.approx(6.0 + 2.0)  # 20 x 30 mm and 10 x 20 mm


SMALL = Grid((30, 34, 28), 2.0, (0.0, 0.0, 0.0))
BOX = (slice(8, 22), slice(5, 23), slice(10, 21))  # of the template's brain, off the middle of the grid


def boxed(*box):
    mask = np.zeros(SMALL.shape, bool)
    mask[box] = True
    return mask


@pytest.fixture
def small():
    """A template whose intensities have no likeness to their own mirror images."""
    t1 = np.random.default_rng(2).uniform(0.2, 1, SMALL.shape).astype(np.float32)
    brain = boxed(*BOX)
    return Template(np.where(brain, t1, 0), brain, brain, brain & False)


def test_overlap_of_a_brain_that_is_shifted_and_longer(small):
    """14 x 11 voxels across; along the middle axis from 7 to 30 where the template's goes from 5 to 23."""
    mask = boxed(BOX[0], slice(7, 30), BOX[2])
    numbers = measure_alignment(SMALL.volume(np.where(mask, small.t1 + 1, 0).astype(np.float32)), mask, small)
    assert numbers["dice"] == pytest.approx(2 * 16 / (23 + 18))
    assert numbers["missing"] == pytest.approx(2 / 18)
    assert numbers["outside"] == pytest.approx(4 / 23)  # 7 voxels beyond, 3 of them near


def test_intensities_are_compared_inside_both_masks(small):
    mask = boxed(BOX[0], slice(9, 30), BOX[2])
    other = np.random.default_rng(3).uniform(0, 5, SMALL.shape)
    brain = np.where(mask, np.where(small.brain, 3 * small.t1 + 1, other), 0).astype(np.float32)
    numbers = measure_alignment(SMALL.volume(brain), mask, small)
    assert numbers["ncc"] == pytest.approx(1)
    assert numbers["upright"] > 0.5


@pytest.mark.parametrize("axis", [1, 2])
def test_a_brain_turned_about_its_middle_is_not_upright(small, axis):
    turned = np.zeros_like(small.t1)
    turned[BOX] = np.flip(small.t1[BOX], axis)
    numbers = measure_alignment(SMALL.volume(turned), small.brain, small)
    assert abs(numbers["ncc"]) < 0.2
    assert numbers["upright"] == pytest.approx((numbers["ncc"] - 1) / (abs(numbers["ncc"]) + 1), abs=1e-4)


def test_a_template_that_turning_inverts_gives_the_most_upright_brain(small):
    y, z = (np.arange(n) for n in SMALL.shape[1:])
    pattern = ((y[:, None] - 13.5) * (z - 15.0))[None] + 100 + np.zeros(SMALL.shape)
    template = Template(np.where(small.brain, pattern, 0).astype(np.float32), small.brain, small.grey, small.white)
    numbers = measure_alignment(SMALL.volume(template.t1), small.brain, template)
    assert numbers["ncc"] == pytest.approx(1) and numbers["upright"] == pytest.approx(1)


def test_the_ratio_is_that_of_the_medians_and_both_tissues_are_white(small):
    """White holds 4 and a fifth of 100, grey 2 and a fifth of 50; the larger part of grey's map is white's, too."""
    rng = np.random.default_rng(4)
    grey, white = boxed(slice(8, 22), BOX[1], BOX[2]), boxed(slice(11, 30), slice(0, 34), slice(0, 28))
    few = rng.uniform(size=SMALL.shape) < 0.2
    brain = np.where(white, np.where(few, 100, 4), np.where(few, 50, 2)).astype(np.float32)
    template = Template(small.t1, small.brain, grey, white)
    brain[~small.brain] = 900
    assert measure_alignment(SMALL.volume(brain), brain > 0, template)["white_grey_ratio"] == pytest.approx(2)
