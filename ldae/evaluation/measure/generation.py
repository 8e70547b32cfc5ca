"""Scans sampled from noise by the LDM alone, and what is needed to judge them against test and training scans."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ldae.config.load import Config
from ldae.data.batches import scan_batches
from ldae.data.scans import read_scans
from ldae.data.volumes import read_images
from ldae.diffusion.samplers import Solver
from ldae.errors import UserError
from ldae.evaluation.arrays import read_arrays, write_arrays
from ldae.evaluation.measure.extractors import Extractor, load_extractors
from ldae.evaluation.measure.metrics import ms_ssim, ms_ssim_scales
from ldae.evaluation.measure.selection import scans_of
from ldae.preprocessing.grid import model_grid
from ldae.progress import Progress
from ldae.systems.base import DiffusionAutoencoder
from ldae.systems.codes import decode_codes, sample_noise
from ldae.systems.ldae import LatentDiffusionAutoencoder

logger = logging.getLogger(__name__)

SAMPLES, TEST, TRAINING = "LDM samples", "test scans", "training scans"
REBUILT = "AutoencoderKL reconstructions of the test scans"
JUDGED = (SAMPLES, TEST, REBUILT)  # whose diversity and distance to the training scans are measured
PARTNERS = 4


@dataclass(frozen=True)
class GenerationPlan:
    """How many samples, sampler steps T, solver ("2m" or "ddim"), the seed, and how many samples the figure shows."""

    samples: int
    steps: int
    solver: Solver
    seed: int
    shown: int


@dataclass
class GenerationMeasurements:
    """By set of images (`SAMPLES`, …).

    features: of (extractor, set), (n, F), and units: which subject each row is of, a sample being its own (n,).
    pairs, ms_ssim: positions (p, 2) of the compared images and their similarity (p,), and nearest: mean squared error
    of each image to its nearest training scan (k,); both are of one scan per subject, the first, as many as samples
    at most. notes: of every extractor, why it is not available, or empty. facts: settings for the table.
    """

    features: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    units: dict[str, np.ndarray] = field(default_factory=dict)
    pairs: dict[str, np.ndarray] = field(default_factory=dict)
    ms_ssim: dict[str, np.ndarray] = field(default_factory=dict)
    nearest: dict[str, np.ndarray] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    facts: dict[str, int | str] = field(default_factory=dict)


class Nearest:
    """For each of some images (n, 1, D, H, W), the training scan of least mean squared error seen so far."""

    def __init__(self, images: torch.Tensor) -> None:
        self.images = images.flatten(1)
        self.power = mean_square(self.images)
        self.mse = torch.full((len(images),), torch.inf)
        self.row = torch.full((len(images),), -1)

    def update(self, rows: Sequence[int], scans: torch.Tensor) -> None:
        """Compare with scans (B, 1, D, H, W), which are rows `rows` of some table."""
        product = self.images @ scans.flatten(1).T / self.images.shape[1]
        mse, place = (self.power[:, None] + mean_square(scans.flatten(1)) - 2 * product).clamp(min=0).min(1)
        closer = mse < self.mse
        self.mse[closer], self.row[closer] = mse[closer], torch.as_tensor(rows)[place[closer]]


def mean_square(images: torch.Tensor) -> torch.Tensor:
    """Mean of the squares of each row of (n, V), (n,), added up in float64."""
    return torch.stack([row.double().square().mean() for row in images]).float()


def measure_generation(
    scans: str | Path,
    models_dir: str | Path,
    config: Config,
    medicalnet: str | Path | None,
    *,
    measured: str | Path,
    examples: str | Path,
) -> None:
    """Sample scans from noise, measure them against the scans of `scans.csv`, and write both NPZ files.

    Parameters
    ----------
    scans, models_dir : path
        The table of scans, the folder of the LDAE's weights.
    config : Config
        The sections of an LDAE, seed, sampling, and of the evaluation batch_size, figure_scans and generation.
    medicalnet : path, optional
        MedicalNet's weights.
    measured, examples : path
        What the table is made of, and the volumes of the figure.
    """
    ldae, settings = LatentDiffusionAutoencoder.load(models_dir, config), config.evaluation
    plan = GenerationPlan(
        samples=settings.generation.samples,
        steps=config.sampling.steps,
        solver=config.sampling.solver,
        seed=config.seed,
        shown=settings.figure_scans,
    )
    extractors = load_extractors(ldae, medicalnet)
    measurements, volumes = generate(ldae, read_scans(scans), extractors, plan, settings.batch_size)
    write_measurements(measured, measurements)
    write_arrays(examples, volumes | {"affine": model_grid(config.preprocessing).affine})


def generate(
    ldae: DiffusionAutoencoder,
    scans: pd.DataFrame,
    extractors: Sequence[Extractor],
    plan: GenerationPlan,
    batch_size: int,
) -> tuple[GenerationMeasurements, dict[str, np.ndarray]]:
    """Sample from noise and measure the samples, the test scans and their reconstructions.

    Parameters
    ----------
    ldae : DiffusionAutoencoder
        The trained model; y_sem is not used in sampling.
    scans : DataFrame
        The table of scans, of which those of training and test subjects are used.
    extractors, plan, batch_size : sequence of Extractor, GenerationPlan, int
        Features of the Fréchet distance, what is sampled, images per batch.

    Returns
    -------
    GenerationMeasurements
        Numbers for `ldae.evaluation.tables.generation.tabulate_generation`.
    dict
        Volumes (shown, D, H, W) sample, nearest (its nearest training scan) and test, for the figure; nearest_mse.

    Raises
    ------
    UserError
        There are no test or no training scans.
    """
    train, test = (scans_of(scans, split) for split in ("train", "test"))
    available = {each.name: each.extract for each in extractors if each.extract is not None}
    measured = GenerationMeasurements(notes={extractor.name: extractor.note for extractor in extractors})
    kept = _real(ldae, test, available, plan.samples, batch_size, measured)
    kept[SAMPLES] = draw_samples(ldae, ldae.encode_image(kept[TEST][:1]).shape[1:], plan, batch_size)
    measured.units[SAMPLES] = np.array([f"sample {i}" for i in range(plan.samples)])
    for extractor, extract in available.items():
        batches = kept[SAMPLES].split(batch_size)
        measured.features[extractor, SAMPLES] = np.concatenate([_numbers(extract(x)) for x in batches])
    measured.facts |= {"solver": plan.solver, "steps": plan.steps, "training_scans": len(train)}
    measured.facts |= {"ms_ssim_scales": ms_ssim_scales(kept[TEST].shape[2:])}
    for name in JUDGED:
        measured.pairs[name] = draw_pairs(len(kept[name]), plan.seed)
        measured.ms_ssim[name] = _similarity(kept[name], measured.pairs[name], ldae.device, batch_size)
    nearest = _compare_training(train, kept, available, plan, batch_size, measured)
    rows = nearest[SAMPLES].row[: plan.shown].tolist()
    shown = {"sample": kept[SAMPLES], "nearest": read_images(train.loc[rows]), "test": kept[TEST]}
    volumes = {name: images[: plan.shown, 0].numpy() for name, images in shown.items()}
    return measured, volumes | {"nearest_mse": measured.nearest[SAMPLES][: plan.shown]}


def draw_samples(
    ldae: DiffusionAutoencoder, shape: Sequence[int], plan: GenerationPlan, batch_size: int
) -> torch.Tensor:
    """Images (samples, 1, D, H, W) decoded from z_T ~ N(0, I) of `shape` (C, d, h, w) without y_sem.

    Sample i's noise depends on (seed, i) alone.

    Raises
    ------
    UserError
        A sample is not finite.
    """
    images, progress = [], Progress(logger, "generation", plan.samples, "samples")
    for numbers in torch.arange(plan.samples).split(batch_size):
        z_T = torch.stack([sample_noise(shape, plan.seed, i) for i in numbers.tolist()])
        images.append(decode_codes(ldae, z_T, None, plan.steps, plan.solver))
        progress.advance(len(numbers))
        if not images[-1].isfinite().all():
            cure = "look at the training curves of the LDM and train it again"
            raise UserError("results/models/ldm.safetensors", "finite samples", "NaN or infinity", cure)
    return torch.cat(images)


def draw_pairs(count: int, seed: int) -> np.ndarray:
    """Positions (p, 2) of different images: in a random ring of `count`, each with the next four if there are."""
    ring = np.random.default_rng(seed).permutation(count)
    steps = range(1, min(PARTNERS, count // 2) + 1)
    pairs = {tuple(sorted(pair)) for step in steps for pair in zip(ring, np.roll(ring, -step), strict=True)}
    return np.array(sorted(pairs), dtype=int).reshape(-1, 2)


def write_measurements(path: str | Path, measured: GenerationMeasurements) -> None:
    """Write an NPZ, its arrays named like ``features|extractor|set`` and ``units|set``; no pickles."""
    arrays = {f"features|{extractor}|{name}": values for (extractor, name), values in measured.features.items()}
    for part in ("units", "pairs", "ms_ssim", "nearest", "notes", "facts"):
        arrays |= {f"{part}|{name}": values for name, values in getattr(measured, part).items()}
    write_arrays(path, arrays)


def read_measurements(path: str | Path) -> GenerationMeasurements:
    """Read what `write_measurements` wrote."""
    measured = GenerationMeasurements()
    for key, values in read_arrays(path).items():
        part, *names = key.split("|")
        place = names[0] if len(names) == 1 else tuple(names)
        getattr(measured, part)[place] = values if values.ndim else values.item()
    return measured


def _real(
    ldae: DiffusionAutoencoder,
    test: pd.DataFrame,
    extractors: Mapping[str, Callable[[torch.Tensor], torch.Tensor]],
    most: int,
    batch_size: int,
    measured: GenerationMeasurements,
) -> dict[str, torch.Tensor]:
    """Features of the test scans and their reconstructions; of the first scan of `most` subjects, both images."""
    firsts = test.drop_duplicates("subject").index[:most]
    kept: dict[str, list[torch.Tensor]] = {TEST: [], REBUILT: []}
    features: dict[tuple[str, str], list[np.ndarray]] = {}
    for rows, scans in scan_batches(test, batch_size, "generation, test scans"):
        wanted = torch.from_numpy(rows.index.isin(firsts))
        for name, images in ((TEST, scans), (REBUILT, ldae.decode_image(ldae.encode_image(scans)).float().cpu())):
            kept[name].append(images[wanted])
            for extractor, extract in extractors.items():
                features.setdefault((extractor, name), []).append(_numbers(extract(images)))
    measured.features |= {key: np.concatenate(parts) for key, parts in features.items()}
    measured.units |= dict.fromkeys(kept, test["subject"].to_numpy(dtype=str))
    return {name: torch.cat(parts) for name, parts in kept.items()}


def _compare_training(
    train: pd.DataFrame,
    kept: dict[str, torch.Tensor],
    extractors: Mapping[str, Callable[[torch.Tensor], torch.Tensor]],
    plan: GenerationPlan,
    batch_size: int,
    measured: GenerationMeasurements,
) -> dict[str, Nearest]:
    """One pass over the training scans: distances to every one, features of as many as there are samples."""
    drawn = train.sample(min(plan.samples, len(train)), random_state=plan.seed).index
    nearest = {name: Nearest(kept[name]) for name in JUDGED}
    features: dict[str, list[np.ndarray]] = {extractor: [] for extractor in extractors}
    for rows, scans in scan_batches(train, batch_size, "generation, training scans"):
        for search in nearest.values():
            search.update(rows.index.to_numpy(), scans)
        wanted = scans[torch.from_numpy(rows.index.isin(drawn))]
        if len(wanted):
            for extractor, extract in extractors.items():
                features[extractor].append(_numbers(extract(wanted)))
    measured.features |= {(name, TRAINING): np.concatenate(parts) for name, parts in features.items()}
    measured.units[TRAINING] = train.loc[train.index.isin(drawn), "subject"].to_numpy(dtype=str)
    measured.nearest |= {name: search.mse.numpy() for name, search in nearest.items()}
    return nearest


def _similarity(images: torch.Tensor, pairs: np.ndarray, device: torch.device, batch_size: int) -> np.ndarray:
    values = [np.empty(0)]
    for first, second in (batch.T for batch in torch.from_numpy(pairs).split(batch_size) if len(batch)):
        values.append(ms_ssim(images[first].to(device), images[second].to(device)).cpu().numpy())
    return np.concatenate(values)


def _numbers(features: torch.Tensor) -> np.ndarray:
    return features.float().cpu().numpy()
