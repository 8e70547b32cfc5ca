"""The gradient estimator: a second decoder on the frozen denoiser's down path, conditioned on y_sem."""

from __future__ import annotations

from typing import Any

from torch import nn

from ldae.models.conditioned_decoder import ConditionedDecoder
from ldae.models.denoiser import Denoiser


class GradientEstimator(ConditionedDecoder):
    """G_psi(z_t, t, y_sem) of PDAE (Zhang et al. 2022, equation 9), over the features of a frozen denoiser.

    ``forward`` takes the features of z_t (B, C, D, H, W) and y_sem (B, S) and gives the shape of z_t. The last layer
    starts at zero, so that at step 0 the conditional model equals the unconditional one exactly.

    Parameters
    ----------
    denoiser : Denoiser
        Its middle block, up path and output layer are copied.
    semantic_dim : int
        S, the length of y_sem.
    """

    def __init__(self, denoiser: Denoiser, semantic_dim: int) -> None:
        super().__init__(denoiser, semantic_dim)
        last: Any = self.out[-1]
        nn.init.zeros_(last.conv.weight)
        nn.init.zeros_(last.conv.bias)
