import numpy as np
import pytest

from ldae.preprocessing.kinds import STRIPPED, has_noisy_background, is_cut_out, lift_negative, recognise_kind
from ldae.preprocessing.volume import Volume
from tests.damage import on_data, uni
from tests.unit.preprocessing.conftest import make_head

MIDDLE = np.linalg.norm((np.indices((60, 60, 60)) - 30) / np.reshape((1, 1.2, 1), (3, 1, 1, 1)), axis=0)
BRAIN, HEAD = MIDDLE < 18, MIDDLE < 26


def volume(data):
    return Volume(data.astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))


@pytest.fixture
def head():
    """Brain of 100, head of 60, air of a little noise."""
    rng = np.random.default_rng(0)
    return np.where(BRAIN, 100, np.where(HEAD, 60, 0)) + rng.normal(0, 10, BRAIN.shape) * (1 - 0.9 * ~HEAD)


@pytest.mark.parametrize("background", [0.0, -0.5, 30.0])
def test_a_brain_without_its_skull_is_recognised_whatever_is_around(head, background):
    loose = MIDDLE < 19
    found, mask, notes = recognise_kind(volume(np.where(BRAIN, head, background)), loose)
    assert notes == [STRIPPED]
    np.testing.assert_array_equal(mask, BRAIN)
    assert found.data.min() == background


def test_a_whole_head_is_not_taken_for_a_brain(head):
    assert recognise_kind(volume(head), BRAIN)[2] == []
    assert not is_cut_out(volume(np.where(HEAD, head, 0)), BRAIN), "nor one in front of nothing"
    assert is_cut_out(volume(np.where(MIDDLE < 19, head, 0)), BRAIN)


def test_negative_intensities_in_the_brain_are_lifted(head):
    scores = (head - head.mean()) / head.std()
    assert (scores[BRAIN] < 0).mean() < 0.01
    assert lift_negative(volume(scores), BRAIN)[1] == 0
    lifted, by = lift_negative(volume(scores - 1.5), BRAIN)
    assert lifted.data.min() == 0
    np.testing.assert_allclose(lifted.data - by, scores - 1.5, atol=1e-5)


def test_the_uni_image_of_mp2rage_is_recognised_and_no_other(head):
    assert not has_noisy_background(volume(head), BRAIN)
    image = on_data(uni)(make_head(3.0))
    data = np.asarray(image.dataobj)
    brain = np.linalg.norm(np.indices(data.shape) - np.reshape(np.array(data.shape) / 2, (3, 1, 1, 1)), axis=0) < 18
    _, _, notes = recognise_kind(Volume(data, image.affine), brain)
    assert notes[0].startswith("background as uneven as the brain")
    assert notes[1] == "negative in part of the brain: all intensities raised by 0.5"
    assert recognise_kind(Volume(np.rint((data + 0.5) * 4095), image.affine), brain)[2] == notes[:1]
