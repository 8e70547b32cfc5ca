"""What the representation stage trains, as one module and one weights file."""

from __future__ import annotations

from torch import nn

from ldae.config.models import EncoderConfig
from ldae.models.denoiser import Denoiser
from ldae.models.gradient_estimator import GradientEstimator
from ldae.models.semantic_encoder import SemanticEncoder


class Representation(nn.Module):
    """The semantic encoder Enc_phi and the gradient estimator G_psi of a given denoiser, which is not part of it."""

    def __init__(self, config: EncoderConfig, denoiser: Denoiser, grid_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.semantic_encoder = SemanticEncoder(config, grid_shape)
        self.gradient_estimator = GradientEstimator(denoiser, config.semantic_dim)
