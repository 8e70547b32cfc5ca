"""The cut-open U-Net is MONAI's own."""

from __future__ import annotations

import torch
from monai.networks.nets import DiffusionModelUNet


def test_it_is_monais_forward_read_as_eps_or_as_v(denoiser):
    torch.manual_seed(0)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    z_t, t = torch.randn(2, 3, 4, 8, 4), torch.tensor([3, 700])
    theirs = DiffusionModelUNet.forward(denoiser, z_t, t)
    assert theirs.abs().max() > 0
    if denoiser.prediction == "v":
        abar = denoiser.schedule.alphas_cumprod[t].float().view(-1, 1, 1, 1, 1)
        theirs = (1 - abar).sqrt() * z_t + abar.sqrt() * theirs
    assert torch.allclose(denoiser.decode(denoiser.encode(z_t, t)), theirs, atol=1e-5)
    assert torch.allclose(denoiser(z_t, t), theirs, atol=1e-5)


def test_v_of_an_oracle_gives_eps_back(make_denoiser):
    denoiser = make_denoiser("v")
    z_0, eps, t = torch.randn(2, 3, 4, 4, 4), torch.randn(2, 3, 4, 4, 4), torch.tensor([3, 700])
    signal, noise = denoiser.schedule.signal_and_noise(t)
    features = denoiser.encode(signal * z_0 + noise * eps, t)
    assert torch.allclose(features.base + features.scale * (signal * eps - noise * z_0), eps, atol=1e-5)


def test_fractional_timesteps_lie_between_their_neighbours(denoiser):
    torch.manual_seed(0)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    z_t = torch.randn(1, 3, 4, 4, 4)
    low, middle, high = (denoiser(z_t, torch.tensor([t])) for t in (500.0, 500.5, 501.0))
    assert (middle - (low + high) / 2).norm() < 0.5 * (high - low).norm()


def test_one_scans_timestep_leaves_the_others_alone(denoiser):
    torch.manual_seed(0)
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    z_t = torch.randn(2, 3, 4, 4, 4)
    first, second = denoiser(z_t, torch.tensor([3, 700])), denoiser(z_t, torch.tensor([3, 400]))
    torch.testing.assert_close(first[0], second[0])
    assert (first[1] - second[1]).abs().max() > 1e-3
