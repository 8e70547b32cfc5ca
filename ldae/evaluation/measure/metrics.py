"""Image similarity of two batches of volumes (B, 1, D, H, W), one value per scan."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.metrics.regression import compute_ms_ssim, compute_ssim_and_cs

from ldae.errors import UserError

SSIM_WINDOW = 11
MS_SSIM_WINDOW = 7
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def mse(reconstruction: torch.Tensor, scan: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Mean squared error over all voxels, background included, or over those of `mask` (bool, as the scan); (B,)."""
    return _mean((reconstruction - scan) ** 2, mask)


def psnr(reconstruction: torch.Tensor, scan: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Peak signal-to-noise ratio in decibels, 10 log10(1 / MSE), for the data range 1; (B,)."""
    return -10 * torch.log10(mse(reconstruction, scan, mask))


def ssim(reconstruction: torch.Tensor, scan: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Structural similarity (Wang et al. 2004) by MONAI; (B,).

    Three-dimensional Gaussian window of 11 voxels per side, standard deviation 1.5 voxels, k1 = 0.01, k2 = 0.03, data
    range 1. The mean is taken over all positions where the whole window fits, background included, or over those of
    them whose centre lies in `mask`. The window counts voxels, not millimetres (16 mm at 1.5 mm, 55 mm at 5 mm):
    figures of different grids do not compare.

    Raises
    ------
    UserError
        A side of the volume is shorter than the window.
    """
    _expect_sides(scan, SSIM_WINDOW)
    similarity, _ = compute_ssim_and_cs(
        reconstruction.float(),
        scan.float(),
        spatial_dims=3,
        kernel_size=[SSIM_WINDOW] * 3,
        kernel_sigma=[1.5] * 3,
        data_range=1.0,
        kernel_type="gaussian",
    )
    edge = SSIM_WINDOW // 2
    return _mean(similarity, None if mask is None else mask[..., edge:-edge, edge:-edge, edge:-edge])


def ms_ssim(reconstruction: torch.Tensor, scan: torch.Tensor) -> torch.Tensor:
    """Multi-scale structural similarity (Wang et al. 2003) by MONAI, over the whole box; (B,).

    Gaussian window of 7 voxels, standard deviation 1.5, data range 1, and as many of the five published scales as the
    volume holds (`ms_ssim_scales`), their weights scaled to a sum of 1: figures of different grids do not compare.

    Raises
    ------
    UserError
        A side of the volume is shorter than the window.
    """
    _expect_sides(scan, MS_SSIM_WINDOW)
    weights = MS_SSIM_WEIGHTS[: ms_ssim_scales(scan.shape[2:])]
    return compute_ms_ssim(
        reconstruction.float(),
        scan.float(),
        spatial_dims=3,
        data_range=1.0,
        kernel_size=MS_SSIM_WINDOW,
        kernel_sigma=1.5,
        weights=[weight / sum(weights) for weight in weights],
    )[:, 0]


def ms_ssim_scales(shape: Sequence[int]) -> int:
    """Scales of MS-SSIM that MONAI computes on a volume of this shape: 3 for 32 voxels, 5 for 112 and more.

    Examples
    --------
    >>> ms_ssim_scales((32, 40, 32)), ms_ssim_scales((128, 160, 128))
    (3, 5)
    """
    divisors = {n: max(2 ** (n - 1), (n - 1) ** 2) for n in range(1, 6)}  # halving, and what MONAI demands
    return max(n for n, divisor in divisors.items() if min(shape) // divisor >= MS_SSIM_WINDOW)


def _mean(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if mask is None:
        return values.flatten(1).mean(1)
    return (values * mask).flatten(1).sum(1) / mask.flatten(1).sum(1)


def _expect_sides(scan: torch.Tensor, window: int) -> None:
    if min(scan.shape[2:]) < window:
        found = "x".join(map(str, scan.shape[2:]))
        raise UserError("the grid", f"sides of at least {window} voxels", found, "use a larger grid_shape")
