import pytest
import torch

from ldae.diffusion.interpolation import lerp, slerp

SHAPE = (4, 3, 8, 10, 8)


@pytest.fixture
def noise():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(SHAPE, generator=generator), torch.randn(SHAPE, generator=generator)


@pytest.mark.parametrize("between", [lerp, slerp])
def test_the_ends_are_exact_and_the_way_back_is_the_same(noise, between):
    first, second = noise
    zero, one, part = torch.zeros(4), torch.ones(4), torch.tensor([0.1, 0.3, 0.5, 0.9])
    assert torch.equal(between(first, second, zero), first)
    assert torch.equal(between(first, second, one), second)
    torch.testing.assert_close(between(first, second, part), between(second, first, 1 - part))


def test_every_scan_has_its_own_t(noise):
    first, second = noise
    between = lerp(first, second, torch.tensor([0.0, 0.25, 0.5, 1.0]))
    torch.testing.assert_close(between[1], 0.75 * first[1] + 0.25 * second[1])
    assert torch.equal(between[3], second[3])


def test_slerp_keeps_the_norm_of_noise_and_lerp_shrinks_it(noise):
    half = torch.full((4,), 0.5)
    norms = [
        between(*noise, half).flatten(1).norm(dim=1) / noise[0].flatten(1).norm(dim=1) for between in (slerp, lerp)
    ]
    assert (norms[0] - 1).abs().max() < 0.05
    assert (norms[1] - 0.5**0.5).abs().max() < 0.05


def test_slerp_walks_at_equal_angles():
    """A third of the right angle between two axes is 30 degrees, wherever the scan's other values are zero."""
    first, second = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    expected = torch.tensor([[3**0.5, 1.0]])
    torch.testing.assert_close(slerp(first, second, torch.tensor([1 / 3])), expected)


def test_slerp_of_equal_opposite_and_zero_codes_is_lerp(noise):
    first = noise[0]
    t = torch.tensor([0.0, 0.2, 0.5, 1.0])
    for second in (first, -first, 3 * first, torch.zeros_like(first)):
        torch.testing.assert_close(slerp(first, second, t), lerp(first, second, t))


@pytest.mark.parametrize("between", [lerp, slerp])
def test_the_precision_stays(noise, between):
    t = torch.full((4,), 0.4, dtype=torch.float64)
    assert between(noise[0], noise[1], t).dtype == torch.float32
