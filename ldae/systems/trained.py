"""A trained LDAE with its probes as one object: encode, rebuild, edit, vary, interpolate, sample and judge scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from ldae.config.names import LDAE_MODELS
from ldae.diffusion.interpolation import lerp, slerp
from ldae.errors import UserError
from ldae.preprocessing.grid import Grid, model_grid
from ldae.systems.codes import Codes, autoencoder_errors, decode_codes, encode_scans, sample_noise
from ldae.systems.description import PROBES, ModelDescription, read_description
from ldae.systems.inputs import Scans, as_images
from ldae.systems.ldae import LatentDiffusionAutoencoder
from ldae.systems.probe import DEFAULT_ALONG, Along, Probe
from ldae.systems.probes import read_probes
from ldae.systems.reference import Familiarity, Reference, load_reference


class Variation(NamedTuple):
    """Scans with one y_sem and k noises: images (k, B, 1, D, H, W), voxelwise mean and standard deviation."""

    images: torch.Tensor
    mean: torch.Tensor
    spread: torch.Tensor


@dataclass(frozen=True)
class TrainedModel:
    """A trained LDAE, from `ldae.load`.

    Scans go in as NIfTI files, arrays or tensors (see `ldae.systems.inputs.as_images`), preprocessed as the model's
    cohort was; B of them are taken `batch_size` at a time. Images come out as float32 tensors (B, 1, D, H, W) in 0..1
    on the CPU. Everything is deterministic; noise depends on the seed given alone.
    """

    system: LatentDiffusionAutoencoder
    probes: dict[str, Probe]
    reference: Reference
    description: ModelDescription

    @property
    def grid(self) -> Grid:
        """The voxels of its images."""
        return model_grid(self.description.settings.preprocessing)

    @property
    def batch_size(self) -> int:
        """Scans worked on at once."""
        return self.description.settings.evaluation.batch_size

    def encode(self, scans: Scans) -> Codes:
        """z_0, y_sem (B, S) and z_T (B, C, d, h, w) of scans."""
        sampling = self.description.settings.sampling
        images = as_images(scans, self.grid).split(self.batch_size)
        return Codes.join([encode_scans(self.system, part, sampling.steps, sampling.solver) for part in images])

    def decode(self, z_T: torch.Tensor, y_sem: torch.Tensor | None) -> torch.Tensor:
        """Images of z_T (B, C, d, h, w) and y_sem (B, S); without y_sem by the unconditional denoiser."""
        sampling, images = self.description.settings.sampling, []
        for first in range(0, len(z_T), self.batch_size):
            part = slice(first, first + self.batch_size)
            code = None if y_sem is None else y_sem[part]
            images.append(decode_codes(self.system, z_T[part], code, sampling.steps, sampling.solver))
        return torch.cat(images)

    def reconstruct(self, scans: Scans) -> torch.Tensor:
        """Scans decoded from their own y_sem and z_T."""
        codes = self.encode(scans)
        return self.decode(codes.z_T, codes.y_sem)

    def manipulate(
        self,
        scans: Scans | Codes,
        towards: str | torch.Tensor | np.ndarray,
        strength: Sequence[float],
        along: Along = DEFAULT_ALONG,
    ) -> torch.Tensor:
        """Scans edited towards a diagnosis, another age or in a direction of one's own, from their own z_T.

        Parameters
        ----------
        scans : scans or Codes
            What to edit; codes of `encode` save its time.
        towards : str or tensor (S,)
            "AD", "CN" or "age", or a vector that is added to y_sem `strength` times.
        strength : sequence of K floats
            In log-odds of the diagnosis against the other, or years. 0 is the reconstruction.
        along : {"pattern", "weights", "difference"}
            See `ldae.systems.probe.Probe.move`.

        Returns
        -------
        tensor (K, B, 1, D, H, W)

        Raises
        ------
        UserError
            The model has no such probe, or the vector has another length.
        """
        codes = self._codes(scans)
        return torch.stack([self.decode(codes.z_T, y) for y in self._moved(codes.y_sem, towards, strength, along)])

    def interpolate(
        self, first: Scans | Codes, last: Scans | Codes, at: Sequence[float], ages: Sequence[float] = ()
    ) -> torch.Tensor:
        """Between two scans (or pairs of them): on a line in y_sem, on the arc in z_T.

        Parameters
        ----------
        first, last : scans or Codes
            B each.
        at : sequence of K floats
            0 is the first scan, 1 the last; with `ages`, ages in years.
        ages : two floats
            Of the first and the last scan, in years.

        Returns
        -------
        tensor (K, B, 1, D, H, W)

        Raises
        ------
        ValueError
            The two ages are equal.
        """
        if ages and ages[0] == ages[1]:
            raise ValueError("the two scans must be of different ages")
        shares = [(age - ages[0]) / (ages[1] - ages[0]) for age in at] if ages else at
        one, other = self._codes(first), self._codes(last)
        steps = [torch.full((len(one),), share, dtype=torch.float64) for share in shares]
        return torch.stack([self.decode(slerp(one.z_T, other.z_T, t), lerp(one.y_sem, other.y_sem, t)) for t in steps])

    def vary(self, scans: Scans | Codes, count: int, seed: int = 0) -> Variation:
        """Scans decoded from their own y_sem and `count` noises; what differs is what y_sem leaves open."""
        y_sem = self._y_sem(scans)
        noises = [self._noise(i, seed).expand(len(y_sem), -1, -1, -1, -1) for i in range(count)]
        images = torch.stack([self.decode(noise, y_sem) for noise in noises])
        return Variation(images, images.mean(0), images.std(0, unbiased=False))

    def sample(self, count: int, seed: int = 0, first: int = 0) -> torch.Tensor:
        """Images (count, 1, D, H, W) of nobody, from noise, from number `first` on; each depends on that alone."""
        return self.decode(torch.cat([self._noise(i, seed) for i in range(first, first + count)]), None)

    def predict(self, scans: Scans | Codes) -> pd.DataFrame:
        """What the probes say of each scan, a row each.

        Returns
        -------
        DataFrame
            Of every probe of a diagnosis ``p_AD`` and ``p_AD_calibrated`` (NaN where there is no calibration), with
            that diagnosis' name; ``predicted_age`` in years.
        """
        y_sem, columns = self._y_sem(scans), {}
        for probe in self.probes.values():
            if probe.positive:
                columns[f"p_{probe.positive}"] = probe.probability(y_sem).numpy()
                columns[f"p_{probe.positive}_calibrated"] = probe.calibrated(y_sem).numpy()
            else:
                columns[f"predicted_{probe.task}"] = probe.score(y_sem).numpy()
        return pd.DataFrame(columns)

    def familiarity(self, scans: Scans, codes: Codes | None = None) -> Familiarity:
        """How far each scan is from those that the model was trained on (see `ldae.systems.reference`).

        Codes of `encode` save its time.
        """
        images, codes = as_images(scans, self.grid), codes or self.encode(scans)
        parts = zip(images.split(self.batch_size), codes.z_0.split(self.batch_size), strict=True)
        errors = torch.cat([autoencoder_errors(self.system, *part) for part in parts])
        return self.reference.compare(codes, errors)

    @property
    def directions(self) -> list[str]:
        """What the probes speak of, and scans can thus be edited towards."""
        return [side for probe in self.probes.values() for side in probe.task.split(" vs ")]

    def probe_towards(self, towards: str) -> tuple[Probe, int]:
        """The probe that speaks of one of `directions`, and whether its score rises (1) or falls (-1) towards it.

        Raises
        ------
        UserError
            None does.
        """
        for probe in self.probes.values():
            sides = probe.task.split(" vs ")
            if towards in sides:
                return probe, 1 if towards == sides[0] else -1
        known = ", ".join(self.directions) or "nothing"
        raise UserError(PROBES, f"a probe for {towards}", f"probes for {known}", "choose one of these")

    def _codes(self, scans: Scans | Codes) -> Codes:
        return scans if isinstance(scans, Codes) else self.encode(scans)

    def _y_sem(self, scans: Scans | Codes) -> torch.Tensor:
        if isinstance(scans, Codes):
            return scans.y_sem
        images = as_images(scans, self.grid).split(self.batch_size)
        return torch.cat([self.system.encode_semantic(part).float().cpu() for part in images])

    def _moved(
        self, y_sem: torch.Tensor, towards: str | torch.Tensor | np.ndarray, strength: Sequence[float], along: Along
    ) -> Iterator[torch.Tensor]:
        if not isinstance(towards, str):
            vector = torch.as_tensor(towards).to(y_sem)
            if vector.shape != y_sem.shape[1:]:
                found = f"a direction of {len(vector.flatten())}"
                raise UserError("towards", f"a direction of {y_sem.shape[1]} numbers", found, "give one in y_sem")
            yield from (y_sem + value * vector for value in strength)
            return
        probe, sign = self.probe_towards(towards)
        yield from (probe.move(y_sem, sign * value, along) for value in strength)

    def _noise(self, number: int, seed: int) -> torch.Tensor:
        return sample_noise(self.system.normalizer.mean.shape, seed, number)[None]


def load(folder: str | Path, device: str = "auto") -> TrainedModel:
    """Load a trained LDAE from ``results/models`` or from a folder of `ldae export`.

    Parameters
    ----------
    folder : path
    device : str
        A torch device; "auto" takes the GPU where there is one.

    Raises
    ------
    UserError
        A file is missing, damaged, or of another run than those beside it.
    """
    description = read_description(folder)
    system = LatentDiffusionAutoencoder.load(folder, description.settings, device)
    hashes = {name: description.files[f"{name}.safetensors"] for name in LDAE_MODELS}
    return TrainedModel(
        system, read_probes(folder, hashes["representation"]), load_reference(folder, hashes), description
    )
