"""What the representation stage trains, as one module and one weights file."""

from __future__ import annotations

from torch import nn

from ldae.models.denoiser import Denoiser
from ldae.models.gradient_estimator import GradientEstimator
from ldae.models.semantic_encoder import SemanticEncoder


class RepresentationNet(nn.Module):
    """The semantic encoder Enc_phi and the gradient estimator G_psi (LDAE, section 3.3; PDAE, Zhang et al. 2022).

    ``semantic_encoder`` maps scans (B, 1, D, H, W) in 0..1 to y_sem (B, S); ``gradient_estimator`` maps the features
    of `denoiser` at z_t and y_sem to the shape of z_t. The denoiser itself is not part of this module.
    """

    def __init__(self, semantic_encoder: SemanticEncoder, denoiser: Denoiser) -> None:
        super().__init__()
        self.semantic_encoder = semantic_encoder
        self.gradient_estimator = GradientEstimator(denoiser, semantic_encoder.semantic_dim)
