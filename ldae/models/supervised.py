"""The semantic encoder with a linear head, for training with labels."""

from __future__ import annotations

import torch
from torch import nn

from ldae.models.semantic_encoder import SemanticEncoder


class SupervisedEncoder(nn.Module):
    """One number per scan: the logit of a diagnosis, or an age standardised by the training scans' mean and deviation.

    Parameters
    ----------
    semantic_encoder : SemanticEncoder
        Scans (B, 1, D, H, W) in 0..1 -> y_sem (B, S).
    """

    target_mean: torch.Tensor
    target_std: torch.Tensor

    def __init__(self, semantic_encoder: SemanticEncoder) -> None:
        super().__init__()
        self.semantic_encoder = semantic_encoder
        self.head = nn.Linear(semantic_encoder.semantic_dim, 1)
        self.register_buffer("target_mean", torch.zeros(()))
        self.register_buffer("target_std", torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x (B, 1, D, H, W) in 0..1 -> (B,), the logit or the standardised age."""
        return self.head(self.semantic_encoder(x)).squeeze(1)

    def standardize(self, target: torch.Tensor) -> torch.Tensor:
        """Targets (B,), such as ages in years -> what `forward` predicts."""
        return (target - self.target_mean) / self.target_std
