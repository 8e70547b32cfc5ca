"""A linear probe of y_sem as it is stored: what it says of a scan, and how y_sem moves for it to say something else."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from ldae.config.base import Count, Positive, Section

Along = Literal["pattern", "weights", "difference"]
DEFAULT_ALONG: Along = "pattern"
Vector = Annotated[list[float], Field(min_length=1)]


class Calibration(Section):
    """Platt's calibration (1999): the log-odds become ``slope * log-odds + intercept``."""

    slope: float
    intercept: float
    subjects: Annotated[Count, Field(description="whose scans it was fitted to, none of them in training")]
    covered: Annotated[tuple[float, float], Field(description="lowest and highest log-odds of these scans")]


class Probe(Section):
    """``score(y_sem) = weights . (y_sem - mean) / scale + intercept``: the log-odds of a diagnosis, or years.

    `pattern` and `difference` are directions in the same standardised space (see `move`).
    """

    task: str
    positive: Annotated[str, Field(description="the diagnosis whose log-odds the score is; empty: a number")]
    mean: Vector
    scale: Annotated[list[Positive], Field(min_length=1)]
    weights: Vector
    intercept: float
    regularisation: float
    threshold: float | None
    calibration: Calibration | None
    pattern: Vector
    difference: Vector
    training_subjects: Count

    def score(self, y_sem: torch.Tensor) -> torch.Tensor:
        """Log-odds of `positive`, or the predicted number, (B,) float64, of y_sem (B, S)."""
        return self._standardised(y_sem) @ _tensor(self.weights) + self.intercept

    def probability(self, y_sem: torch.Tensor) -> torch.Tensor:
        """Probability of `positive` (B,), as the probe gives it."""
        return torch.sigmoid(self.score(y_sem))

    def calibrated(self, y_sem: torch.Tensor) -> torch.Tensor:
        """Probability of `positive` (B,) after calibration; NaN where no validation subjects allowed one."""
        score = self.score(y_sem)
        if self.calibration is None:
            return torch.full_like(score, torch.nan)
        return torch.sigmoid(self.calibration.slope * score + self.calibration.intercept)

    def move(self, y_sem: torch.Tensor, strength: float | torch.Tensor, along: Along = DEFAULT_ALONG) -> torch.Tensor:
        """y_sem (B, S) with `strength` added to the score, whatever the direction.

        In the standardised space y_sem is moved by ``strength / (weights . d) * d``. `d` is

        - "weights": the probe's weights, the shortest way; they answer to noise as much as to signal;
        - "pattern": the covariance of the training scans times the weights, what the features that the probe reads
          do together (Haufe et al., NeuroImage 87:96, 2014);
        - "difference": of the two classes' means in training, or the slope of y_sem on the number.

        Parameters
        ----------
        y_sem : tensor (B, S)
        strength : float or tensor (B,)
            In log-odds of `positive`, or in the unit of the number.
        along : {"pattern", "weights", "difference"}

        Returns
        -------
        tensor (B, S)
            Of the dtype of `y_sem`.
        """
        weights, direction = _tensor(self.weights), _tensor(getattr(self, along))
        step = torch.as_tensor(strength, dtype=torch.float64).reshape(-1, 1) / (weights @ direction)
        moved = self._standardised(y_sem) + step * direction
        return (moved * _tensor(self.scale) + _tensor(self.mean)).to(y_sem)

    def _standardised(self, y_sem: torch.Tensor) -> torch.Tensor:
        return (y_sem.cpu().double() - _tensor(self.mean)) / _tensor(self.scale)


def _tensor(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)
