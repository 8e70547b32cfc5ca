"""The 2.5D perceptual loss, where its backbone's weights are at hand."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import torch
from monai.losses import PerceptualLoss

from ldae.config.models import AutoencoderConfig
from ldae.config.published import FILES
from ldae.errors import UserError

logger = logging.getLogger(__name__)

BACKBONE_FILE = FILES["squeezenet"].file  # the name that lpips looks for


def load_perceptual_loss(config: AutoencoderConfig, weights: str | Path | None) -> tuple[PerceptualLoss | None, str]:
    """MONAI's loss: SqueezeNet LPIPS on a random part of the slices of each plane; intensities enter as they are.

    Nothing is downloaded, and random weights never stand in.

    Parameters
    ----------
    weights : path, optional
        The file behind `autoencoder.perceptual_weights`.

    Returns
    -------
    PerceptualLoss or None
        None if its weight is 0 or the setting null.
    str
        What was used, or the reason and the cure; for the log and the sidecar.

    Raises
    ------
    UserError
        The setting is not null and the file does not exist or is not torchvision's.
    """
    if config.perceptual_weight == 0:
        return None, "off"
    named, expected = config.perceptual_weights, "torchvision's weights of SqueezeNet 1.1"
    if named is None:
        reason = "off: ldae fetch-weights squeezenet and autoencoder.perceptual_weights: published turn it on"
        logger.warning("the autoencoder trains without its perceptual loss; %s", reason)
        return None, reason
    if weights is None or not Path(weights).is_file():
        found, cure = f"no file {weights or ''}".rstrip(), "download them, or set the key to null"
        raise UserError(f"autoencoder.perceptual_weights: {named}", expected, found, cure)
    hub = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:  # lpips reads its backbone from torch hub's cache only
        (Path(folder) / "checkpoints").mkdir()
        (Path(folder) / "checkpoints" / BACKBONE_FILE).symlink_to(Path(weights).resolve())
        torch.hub.set_dir(folder)
        try:
            loss = PerceptualLoss(3, "squeeze", is_fake_3d=True, fake_3d_ratio=config.perceptual_slice_fraction)
        except RuntimeError as error:
            raise UserError(weights, expected, f"{error}"[:300], "download them again") from None
        finally:
            torch.hub.set_dir(hub)
    return loss, f"SqueezeNet LPIPS, {Path(weights).name}"
