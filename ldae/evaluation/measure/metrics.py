"""Image similarity of two batches of volumes (B, 1, D, H, W), one value per scan, computed where the volumes are.

What convolves goes scan by scan, so that its memory does not grow with the batch: about 15 volumes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from monai.metrics.regression import compute_ms_ssim, compute_ssim_and_cs

from ldae.errors import UserError

SSIM_WINDOW = 11
PUBLISHED_WINDOW = {"reconstruction": 3, "interpolation": 4}  # voxels
MS_SSIM_WINDOW = 7
SIGMA = 1.5
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def mse(reconstruction: torch.Tensor, scan: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Mean squared error over all voxels, background included, or over those of `mask` (bool, as the scan); (B,)."""
    return _mean((reconstruction - scan) ** 2, mask)


def psnr(reconstruction: torch.Tensor, scan: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Peak signal-to-noise ratio in decibels, 10 log10(1 / MSE), for the data range 1; (B,)."""
    return -10 * torch.log10(mse(reconstruction, scan, mask))


def ssim(reconstruction: torch.Tensor, scan: torch.Tensor, window: int = SSIM_WINDOW) -> torch.Tensor:
    """Structural similarity (Wang et al. 2004) by MONAI, the mean over all positions where the whole window fits; (B,).

    Three-dimensional Gaussian window of `window` voxels per side, standard deviation 1.5 voxels, k1 = 0.01, k2 = 0.03,
    data range 1; background included. The window counts voxels, not millimetres (11 are 16 mm at 1.5 mm, 55 mm at 5
    mm): figures of different grids do not compare, nor do those of different windows.

    Of the published windows, 3 voxels for reconstructions and 4 for interpolations (`PUBLISHED_WINDOW`), the shape is
    not stated. scikit-image and torchmetrics refuse an even one, MONAI takes it, and MONAI's default is the Gaussian
    that is used here.

    Raises
    ------
    UserError
        A side of the volume is shorter than the window.
    """
    return torch.cat([_mean(similarity, None) for similarity in _ssim_maps(reconstruction, scan, window)])


def ssim_box_and_inside(
    reconstruction: torch.Tensor, scan: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """`ssim` over the box, and over the positions whose centre lies in `mask` (bool, as the scan); (B,) each.

    Both are means of one map.

    Raises
    ------
    UserError
        A side of the volume is shorter than the window.
    """
    edge = SSIM_WINDOW // 2
    inner = mask[..., edge:-edge, edge:-edge, edge:-edge].split(1)
    maps = zip(_ssim_maps(reconstruction, scan, SSIM_WINDOW), inner, strict=True)
    pairs = [(_mean(similarity, None), _mean(similarity, centres)) for similarity, centres in maps]
    box, inside = (torch.cat(values) for values in zip(*pairs, strict=True))
    return box, inside


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
    values = []
    for pair in _pairs(reconstruction, scan):
        with full_precision():
            value = compute_ms_ssim(
                *pair,
                spatial_dims=3,
                data_range=1.0,
                kernel_size=MS_SSIM_WINDOW,
                kernel_sigma=SIGMA,
                weights=[weight / sum(weights) for weight in weights],
            )
        values.append(value[:, 0])
    return torch.cat(values)


def ms_ssim_scales(shape: Sequence[int]) -> int:
    """Scales of MS-SSIM that MONAI computes on a volume of this shape: 3 for 32 voxels, 5 for 112 and more.

    Examples
    --------
    >>> ms_ssim_scales((32, 40, 32)), ms_ssim_scales((128, 160, 128))
    (3, 5)
    """
    divisors = {n: max(2 ** (n - 1), (n - 1) ** 2) for n in range(1, 6)}  # halving, and what MONAI demands
    return max(n for n, divisor in divisors.items() if min(shape) // divisor >= MS_SSIM_WINDOW)


@contextmanager
def full_precision() -> Iterator[None]:
    """Convolutions of float32 without TensorFloat-32, which a GPU takes otherwise.

    Its 10 bits of mantissa are too few for a variance as a difference of means of squares.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def _ssim_maps(reconstruction: torch.Tensor, scan: torch.Tensor, window: int) -> Iterator[torch.Tensor]:
    """The map (1, 1, D - window + 1, ...) of each scan."""
    _expect_sides(scan, window)
    for pair in _pairs(reconstruction, scan):
        with full_precision():
            similarity, _ = compute_ssim_and_cs(
                *pair,
                spatial_dims=3,
                kernel_size=[window] * 3,
                kernel_sigma=[SIGMA] * 3,
                data_range=1.0,
                kernel_type="gaussian",
            )
        yield similarity


def _pairs(reconstruction: torch.Tensor, scan: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    yield from zip(reconstruction.float().split(1), scan.float().split(1), strict=True)


def _mean(values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if mask is None:
        return values.flatten(1).mean(1)
    return (values * mask).flatten(1).sum(1) / mask.flatten(1).sum(1)


def _expect_sides(scan: torch.Tensor, window: int) -> None:
    if min(scan.shape[2:]) < window:
        found = "x".join(map(str, scan.shape[2:]))
        raise UserError("the grid", f"sides of at least {window} voxels", found, "use a larger grid_shape")
