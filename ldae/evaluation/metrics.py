"""Image similarity of two batches of volumes (B, 1, D, H, W), one value a scan."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from monai.metrics.regression import compute_ssim_and_cs
from torch import nn

from ldae import torchvision_ops  # noqa: F401  (before lpips, which imports torchvision)
from ldae.errors import UserError

logger = logging.getLogger(__name__)

SSIM_WINDOW = 11
BACKBONES = {
    "alex": "alexnet-owt-7be5be79.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
    "vgg": "vgg16-397923af.pth",
}


def mse(reconstruction: torch.Tensor, scan: torch.Tensor) -> torch.Tensor:
    """Mean squared error over all voxels, background included; (B,)."""
    return ((reconstruction - scan) ** 2).flatten(1).mean(1)


def ssim(reconstruction: torch.Tensor, scan: torch.Tensor) -> torch.Tensor:
    """Structural similarity (Wang et al. 2004) by MONAI; (B,).

    Three-dimensional Gaussian window of 11 voxels a side, standard deviation 1.5 voxels, k1 = 0.01, k2 = 0.03, data
    range 1. The mean is taken over all positions where the whole window fits, background included. The window counts
    voxels, not millimetres (16 mm at 1.5 mm, 55 mm at 5 mm): figures of different grids do not compare.

    Raises
    ------
    UserError
        A side of the volume is shorter than the window.
    """
    if min(scan.shape[2:]) < SSIM_WINDOW:
        found = "x".join(map(str, scan.shape[2:]))
        raise UserError(
            "preprocessing.grid_shape", f"sides of at least {SSIM_WINDOW} voxels", found, "use a larger grid"
        )
    similarity, _ = compute_ssim_and_cs(
        reconstruction.float(),
        scan.float(),
        spatial_dims=3,
        kernel_size=[SSIM_WINDOW] * 3,
        kernel_sigma=[1.5] * 3,
        data_range=1.0,
        kernel_type="gaussian",
    )
    return similarity.flatten(1).mean(1)


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


def load_lpips(net: str, weights: str | None) -> tuple[LPIPS25D | None, str]:
    """Load LPIPS, or say why it is not available; random weights never stand in.

    Parameters
    ----------
    net : {"alex", "squeeze", "vgg"}
        Backbone.
    weights : str or None
        File with torchvision's weights; None looks into torch hub's cache.

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
    path = Path(weights) if weights else Path(torch.hub.get_dir()) / "checkpoints" / BACKBONES[net]
    if path.is_file():
        return LPIPS25D(net, path), ""
    if weights:
        raise UserError(
            "evaluation.lpips_weights", "a file", f"no file {path}", f"put torchvision's {BACKBONES[net]} there"
        )
    reason = (
        f"LPIPS not available: no weights of the {net} backbone; name torchvision's {BACKBONES[net]} in "
        "evaluation.lpips_weights, or put it into torch hub's cache (usually ~/.cache/torch/hub/checkpoints) and "
        "run with --forcerun reconstruct"
    )
    logger.warning("%s (looked at %s)", reason, path)
    return None, reason
