"""What a Fréchet distance is measured on: MedicalNet's features where its weights are given, and y_sem always."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from monai.networks.nets.resnet import ResNetFeatures
from torch import nn

from ldae.config.published import FILES
from ldae.errors import UserError
from ldae.systems.base import DiffusionAutoencoder

logger = logging.getLogger(__name__)

SEMANTIC = "semantic encoder (y_sem)"
MEDICALNET = "MedicalNet ResNet-10"
MEDICALNET_FILE = FILES["medicalnet"].file


@dataclass(frozen=True)
class Extractor:
    """A named map from scans (B, 1, D, H, W) to features (B, F); `extract` is None where it is not available."""

    name: str
    extract: Callable[[torch.Tensor], torch.Tensor] | None
    note: str = ""


class MedicalNet(nn.Module):
    """ResNet-10 of Med3D (Chen et al. 2019, arXiv 1904.00625), pooled over space: (B, 1, D, H, W) -> (B, 512).

    MONAI's network, whose last two stages have strides where the original has dilations. Each scan is standardised over
    its whole box. The published file, `resnet_10_23dataset.pth`, holds `state_dict` with names that begin with
    ``module.`` and fits with shortcuts of type B without bias (MONAI issue 7923).

    Parameters
    ----------
    weights : path
        The published file.

    Raises
    ------
    UserError
        The file is absent or holds other weights.
    """

    def __init__(self, weights: str | Path) -> None:
        super().__init__()
        self.net = ResNetFeatures("resnet10", pretrained=False)
        expected, cure = f"MedicalNet's {MEDICALNET_FILE}", "put the right file there, or take it away"
        if not Path(weights).is_file():
            raise UserError(f"evaluation.generation.medicalnet_weights: {weights}", expected, "no such file", cure)
        try:
            content = torch.load(weights, map_location="cpu", weights_only=True)
            named = content.get("state_dict", content)
            self.net.load_state_dict({name.removeprefix("module."): value for name, value in named.items()})
        except (RuntimeError, UnpicklingError, AttributeError, EOFError) as error:
            raise UserError(weights, expected, f"{error}"[:300], cure) from None
        self.eval().requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, 512) of scans (B, 1, D, H, W)."""
        mean, std = x.mean((1, 2, 3, 4), keepdim=True), x.std((1, 2, 3, 4), keepdim=True)
        return self.net((x - mean) / std.clamp(min=1e-6))[-1].mean((2, 3, 4))


def load_extractors(ldae: DiffusionAutoencoder, medicalnet_weights: str | Path | None) -> list[Extractor]:
    """The semantic encoder of `ldae`, and MedicalNet or why it is not available."""
    own = Extractor(SEMANTIC, ldae.encode_semantic)
    if medicalnet_weights is None:
        note = f"not available: ldae fetch-weights medicalnet, or put MedicalNet's {MEDICALNET_FILE} into weights_dir"
        logger.info("%s %s", MEDICALNET, note)
        return [own, Extractor(MEDICALNET, None, note)]
    medicalnet = MedicalNet(medicalnet_weights).to(ldae.device)
    return [own, Extractor(MEDICALNET, lambda scans: medicalnet(scans.to(ldae.device)))]
