"""How far a scan is from those that a model was trained on, held against how far its validation scans are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from ldae.systems.codes import Codes
from ldae.systems.description import REFERENCE
from ldae.weights import load_tensors

MEASURES = ("y_sem_distance", "z_T_std", "autoencoder_mse")
RARE = 0.001


@dataclass(frozen=True)
class Familiarity:
    """Of some scans: each measure of `MEASURES` (B,), how many scans like the model's own exceed it, a place on a map.

    `exceeded` (B,), 0..1: the share of scans like the validation scans that are further away still, by Student's
    prediction interval for the logarithm of the measure; the fewer validation scans, the wider it is. `place` (B, 2):
    the first two principal components of the training scans' y_sem.
    """

    values: dict[str, np.ndarray]
    exceeded: dict[str, np.ndarray]
    place: np.ndarray

    @property
    def is_known(self) -> bool:
        """Whether there were scans enough to tell; `exceeded` is NaN otherwise."""
        return not any(np.isnan(share).any() for share in self.exceeded.values())

    @property
    def unfamiliar(self) -> np.ndarray:
        """Which scans lie further than one in a thousand would in at least one measure, boolean (B,)."""
        return np.any([share < RARE for share in self.exceeded.values()], axis=0)


@dataclass(frozen=True)
class Reference:
    """What the training and validation scans were like.

    Attributes
    ----------
    center, precision : tensors (S,), (S, S)
        Mean and inverse covariance of the training scans' y_sem, shrunk on standardised features (Ledoit and Wolf,
        J. Multivariate Analysis 88:365, 2004).
    components : tensor (2, S)
        Their first two principal components.
    map : tensor (scans, 2)
        The training scans there, in no order that tells who they are.
    validation : tensor (scans, 3)
        The logarithms of `MEASURES` of the validation scans; none, if there were too few scans to tell.
    """

    center: torch.Tensor
    precision: torch.Tensor
    components: torch.Tensor
    map: torch.Tensor
    validation: torch.Tensor

    @classmethod
    def unknown(cls, train: torch.Tensor) -> Reference:
        """Of too few training scans' y_sem (scans, S): with it the familiarity of no scan is known."""
        scans, size = train.shape
        empty = {"map": (scans, 2), "components": (2, size), "validation": (0, len(MEASURES))}
        zeros = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in empty.items()}
        return cls(center=train.mean(0), precision=torch.eye(size, dtype=torch.float64), **zeros)

    def distance(self, y_sem: torch.Tensor) -> torch.Tensor:
        """Mahalanobis distance (B,) of y_sem (B, S) from the training scans' mean."""
        gap = y_sem.double() - self.center
        return (gap @ self.precision * gap).sum(1).sqrt()

    def measure(self, codes: Codes, autoencoder_mse: torch.Tensor) -> torch.Tensor:
        """`MEASURES` of scans, (B, 3) float64."""
        spread = codes.z_T.flatten(1).std(1)
        return torch.stack([self.distance(codes.y_sem), spread.double(), autoencoder_mse.double()], 1)

    def compare(self, codes: Codes, autoencoder_mse: torch.Tensor) -> Familiarity:
        """Hold scans, with their autoencoder's mean squared error (B,), against the validation scans."""
        values = self.measure(codes, autoencoder_mse)
        known, exceeded = self.validation.numpy(), np.full(values.shape, np.nan)
        if len(known):
            spread = known.std(0, ddof=1) * np.sqrt(1 + 1 / len(known))
            exceeded = stats.t.sf((values.log().numpy() - known.mean(0)) / spread, len(known) - 1)
        place = (codes.y_sem.double() - self.center) @ self.components.T
        columns = [dict(zip(MEASURES, table.T, strict=True)) for table in (values.numpy(), exceeded)]
        return Familiarity(columns[0], columns[1], place.numpy())


def load_reference(models_dir: str | Path, parents: dict[str, str]) -> Reference:
    """Load ``reference.safetensors``.

    Parameters
    ----------
    parents : dict
        SHA-256 of the weights beside it, by name.

    Raises
    ------
    UserError
        The file is missing or damaged, or was made with other weights.
    """
    tensors, _ = load_tensors(Path(models_dir, REFERENCE), parents=parents)
    return Reference(**tensors)
