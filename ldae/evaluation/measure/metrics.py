"""Image similarity of two batches of volumes (B, 1, D, H, W), one value per scan."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from monai.metrics.regression import compute_ms_ssim, compute_ssim_and_cs
from torch import nn

from ldae import torchvision_ops  # noqa: F401  (before lpips, which imports torchvision)
from ldae.config.evaluation import LPIPSConfig
from ldae.errors import UserError

logger = logging.getLogger(__name__)

SSIM_WINDOW = 11
MS_SSIM_WINDOW = 7
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
BACKBONES = {
    "alex": "alexnet-owt-7be5be79.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
    "vgg": "vgg16-397923af.pth",
}


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


class LPIPS25D(nn.Module):
    """Learned perceptual distance (Zhang et al. 2018, v0.1) on the slices of all three planes.

    As MONAI's 2.5D `PerceptualLoss`: intensities 0..1 enter unscaled, slices are averaged within a plane, the three
    planes are added. Unlike there every slice counts, not a random part, so the figure is deterministic.

    Parameters
    ----------
    net : {"alex", "squeeze", "vgg"}
        Backbone.
    weights : path
        torchvision's ImageNet weights of that backbone; the linear layers ship with the package lpips.

    Raises
    ------
    UserError
        The file holds the weights of another network.
    """

    def __init__(self, net: str, weights: str | Path) -> None:
        import lpips

        super().__init__()
        self.distance = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
        own = self.distance.net.state_dict()
        given = torch.load(weights, map_location="cpu", weights_only=True)
        names = {name: "features." + name.split(".", 1)[1] for name in own}  # slice2.3.x is torchvision's features.3.x
        wrong = [name for key, name in names.items() if name not in given or given[name].shape != own[key].shape]
        if wrong:
            expected = f"torchvision's {BACKBONES[net]}"
            raise UserError(weights, expected, f"no fitting {wrong[0]}", "put the right file there")
        self.distance.net.load_state_dict({key: given[name] for key, name in names.items()}, strict=True)
        self.requires_grad_(False).eval()

    def forward(self, reconstruction: torch.Tensor, scan: torch.Tensor) -> torch.Tensor:
        """Distance of each scan of (B, 1, D, H, W); (B,)."""
        return torch.stack([self._one(*pair) for pair in zip(reconstruction.float(), scan.float(), strict=True)])

    def _one(self, reconstruction: torch.Tensor, scan: torch.Tensor) -> torch.Tensor:
        planes = [
            self.distance(*(volume.movedim(axis, 0).expand(-1, 3, -1, -1) for volume in (reconstruction, scan))).mean()
            for axis in (1, 2, 3)
        ]
        return torch.stack(planes).sum()


def load_lpips(config: LPIPSConfig) -> tuple[LPIPS25D | None, str]:
    """Load LPIPS, or say why it is not available; random weights never stand in.

    Parameters
    ----------
    config : LPIPSConfig
        The backbone, and the file with torchvision's weights of it; None looks into torch hub's cache.

    Returns
    -------
    LPIPS25D or None
        The metric, None where the weights are missing.
    str
        The reason, with the path where the file may be put; empty if the metric is available.

    Raises
    ------
    UserError
        A file was named in the configuration and does not exist.
    """
    key, file = "evaluation.lpips.weights", BACKBONES[config.net]
    path = Path(config.weights) if config.weights else Path(torch.hub.get_dir()) / "checkpoints" / file
    if path.is_file():
        return LPIPS25D(config.net, path), ""
    if config.weights:
        raise UserError(key, "a file", f"no file {path}", f"put torchvision's {file} there")
    reason = (
        f"LPIPS not available: no weights of the {config.net} backbone; name torchvision's {file} in {key}, or put it "
        "into torch hub's cache (usually ~/.cache/torch/hub/checkpoints) and run with --forcerun measure_reconstruction"
    )
    logger.warning("%s (looked at %s)", reason, path)
    return None, reason
