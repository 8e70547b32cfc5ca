"""The gradient estimator starts at zero, owns what it trains, and uses y_sem."""

from __future__ import annotations

import pytest
import torch

from ldae.models.gradient_estimator import GradientEstimator


@pytest.mark.parametrize("size", [(4, 4, 4), (4, 8, 4)])
def test_starts_at_zero_with_the_shape_of_z_t(denoiser, size):
    z_t, t = torch.randn(2, 3, *size), torch.tensor([1, 999])
    gradient = GradientEstimator(denoiser, 5)(denoiser.encode(z_t, t), torch.randn(2, 5))
    assert gradient.shape == z_t.shape
    assert (gradient == 0).all()


def test_shares_no_parameter_with_the_denoiser(denoiser):
    estimator = GradientEstimator(denoiser.requires_grad_(False), 5)
    frozen = {parameter.data_ptr() for parameter in denoiser.parameters()}
    assert not frozen & {parameter.data_ptr() for parameter in estimator.parameters()}
    assert all(parameter.requires_grad for parameter in estimator.parameters())


def test_training_moves_y_sem_and_leaves_the_denoiser(denoiser):
    torch.manual_seed(0)
    before = {name: value.clone() for name, value in denoiser.state_dict().items()}
    estimator = GradientEstimator(denoiser, 5)
    optimizer = torch.optim.Adam(estimator.parameters(), 1e-2)
    z_t, t, y_sem = torch.randn(4, 3, 4, 4, 4), torch.tensor([5, 100, 500, 900]), torch.randn(4, 5)
    for _ in range(3):
        with torch.no_grad():
            features = denoiser.encode(z_t, t)
        loss = (estimator(features, y_sem) - z_t).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in denoiser.state_dict().items())
    own, other = (estimator(features, y) for y in (y_sem, y_sem.flip(0)))
    assert (own - other).abs().max() > 1e-4


def test_with_a_neutral_condition_the_copied_path_is_the_denoisers(denoiser):
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    estimator = GradientEstimator(denoiser, 5)
    estimator.out.load_state_dict(denoiser.out.state_dict())
    for name, parameter in estimator.named_parameters():
        if "scale_shift" in name:
            torch.nn.init.zeros_(parameter)
    z_t, t = torch.randn(2, 3, 4, 4, 4), torch.tensor([3, 700])
    features = denoiser.encode(z_t, t)
    expected = denoiser.decode(features) - features.base
    assert torch.allclose(estimator(features, torch.randn(2, 5)), expected, atol=1e-5)
