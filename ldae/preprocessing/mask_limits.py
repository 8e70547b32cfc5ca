"""Limits beyond which a mask may hold a face: nothing is written of such a scan, so that nobody can see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ldae.config.preprocessing import QCConfig
from ldae.errors import UserError

CURE = "try another preprocessing.brain_extraction, or drop the scan; where the brain is like that, widen"


@dataclass(frozen=True)
class MaskLimits:
    """Those limits of the section `qc`, each as (warn, fail), of which the second counts here."""

    min_brain_volume_ml: tuple[float, float]
    max_brain_volume_ml: tuple[float, float]
    max_outside: tuple[float, float]

    @classmethod
    def of(cls, qc: QCConfig) -> MaskLimits:
        """Those of a configuration's section `qc`."""
        return cls(qc.min_brain_volume_ml, qc.max_brain_volume_ml, qc.max_outside)

    def check(self, source: str | Path, numbers: dict[str, float]) -> None:
        """Refuse a mask whose numbers are beyond a limit; those that `numbers` lacks are not looked at.

        Raises
        ------
        UserError
            The mask is too small or too large for a brain, or too much of it lies outside the MNI152 brain.
        """
        for name, limit, side in (
            ("brain_volume_ml", "min_brain_volume_ml", "below"),
            ("brain_volume_ml", "max_brain_volume_ml", "above"),
            ("outside", "max_outside", "above"),
        ):
            fail = getattr(self, limit)[1]
            if name in numbers and not (numbers[name] >= fail if side == "below" else numbers[name] <= fail):
                found = f"{name} {numbers[name]:.4g} is {side} {fail:g}: it may hold a face, so that no image is kept"
                raise UserError(source, "a mask of a brain and nothing else", found, f"{CURE} qc.{limit}")
