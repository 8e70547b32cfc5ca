"""The cut-open U-Net is MONAI's own."""

from __future__ import annotations

import torch
from monai.networks.nets import DiffusionModelUNet


def test_decode_of_encode_equals_monais_forward(denoiser):
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    z_t, t = torch.randn(2, 3, 4, 8, 4), torch.tensor([3, 700])
    theirs = DiffusionModelUNet.forward(denoiser, z_t, t)
    assert theirs.abs().max() > 0
    assert torch.equal(denoiser.decode(denoiser.encode(z_t, t)), theirs)
    assert torch.equal(denoiser(z_t, t), theirs)


def test_fractional_timesteps_lie_between_their_neighbours(denoiser):
    for parameter in denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    z_t = torch.randn(1, 3, 4, 4, 4)
    low, middle, high = (denoiser(z_t, torch.tensor([t])) for t in (500.0, 500.5, 501.0))
    assert (middle - (low + high) / 2).norm() < 0.2 * (high - low).norm()
