"""The 2.5D perceptual loss, where its backbone's weights are at hand."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import torch
from monai.losses import PerceptualLoss

from ldae.config.models import AutoencoderConfig
from ldae.errors import UserError

logger = logging.getLogger(__name__)

BACKBONE_FILE = "squeezenet1_1-b8a52dc0.pth"


def load_perceptual_loss(config: AutoencoderConfig) -> tuple[PerceptualLoss | None, str]:
    """MONAI's loss: SqueezeNet LPIPS on a random part of the slices of each plane; intensities enter as they are.

    Nothing is downloaded, and random weights never stand in.

    Returns
    -------
    PerceptualLoss or None
        None if its weight is 0 or no file is there.
    str
        What was used, or the reason and the cure; for the log and the sidecar.

    Raises
    ------
    UserError
        A file was named in the configuration and does not exist or is not torchvision's.
    """
    if config.perceptual_weight == 0:
        return None, "off"
    cached = Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE_FILE
    path = Path(config.perceptual_weights) if config.perceptual_weights else cached
    if not path.is_file():
        if config.perceptual_weights:
            raise UserError("autoencoder.perceptual_weights", "a file", f"no file {path}", f"put {BACKBONE_FILE} there")
        reason = (
            f"not available: put torchvision's {BACKBONE_FILE} into torch hub's cache, "
            "torch.hub.get_dir()/checkpoints, or name it in autoencoder.perceptual_weights"
        )
        logger.warning("the autoencoder trains without its perceptual loss; %s", reason)
        return None, reason
    hub = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:  # lpips reads its backbone from torch hub's cache only
        (Path(folder) / "checkpoints").mkdir()
        (Path(folder) / "checkpoints" / BACKBONE_FILE).symlink_to(path.resolve())
        torch.hub.set_dir(folder)
        try:
            loss = PerceptualLoss(3, "squeeze", is_fake_3d=True, fake_3d_ratio=config.perceptual_slice_fraction)
        except RuntimeError as error:
            raise UserError(path, f"torchvision's {BACKBONE_FILE}", f"{error}"[:300], "download it again") from None
        finally:
            torch.hub.set_dir(hub)
    return loss, f"SqueezeNet LPIPS, {path.name}"
