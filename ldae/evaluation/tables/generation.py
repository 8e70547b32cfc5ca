"""generation.csv: how like real scans the samples are, how unlike each other, and how near to training scans."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ldae.config.evaluation import BootstrapConfig
from ldae.evaluation.measure.generation import JUDGED, REBUILT, SAMPLES, TEST, TRAINING, GenerationMeasurements
from ldae.evaluation.statistics.bootstrap import Estimate, draw_weights, estimate, weighted_mean
from ldae.evaluation.statistics.frechet import estimate_frechet

STREAMS = {SAMPLES: 0, TEST: 1, REBUILT: 1, TRAINING: 2}  # of one number: drawn together
HELD_OUT = (TEST, REBUILT)
GENERATION_COLUMNS = [
    *("metric", "images", "reference", "extractor", "value", "low", "high", "interval"),
    *("n_images", "n_reference", "n_features", "solver", "steps", "settings", "note"),
]


def tabulate_generation(measured: GenerationMeasurements, bootstrap: BootstrapConfig, seed: int) -> pd.DataFrame:
    """The table of generation, with intervals over samples and over subjects.

    Parameters
    ----------
    measured : GenerationMeasurements
        What `ldae.evaluation.measure.generation.generate` returned.
    bootstrap, seed : BootstrapConfig, int
        Bootstrap: a sample counts as a subject of its own.

    Returns
    -------
    DataFrame
        `GENERATION_COLUMNS`, a row per metric and set of images: ``frechet_distance`` to the test scans on each
        extractor, ``ms_ssim`` between different images of a set, ``nearest_training_mse``, its
        ``nearest_training_ratio`` to that of held-out scans, and ``share_nearer_than_held_out``, of samples that lie
        nearer to a training scan than any held-out scan does.
    """
    boot = SetBootstrap(bootstrap, seed)
    rows = [*_frechet(measured, boot), *_diversity(measured, boot), *_memorisation(measured, boot)]
    table = pd.DataFrame([{"note": "", **row} for row in rows]).reindex(columns=GENERATION_COLUMNS)
    sampled = table["images"] == SAMPLES
    for name in ("solver", "steps"):
        table[name] = table[name].astype(object).mask(sampled, measured.facts[name])
    table.loc[table["value"].notna() & table["low"].isna(), "note"] += "; one subject or sample: no interval"
    table["note"] = table["note"].str.removeprefix("; ")
    return table.astype(dict.fromkeys(("n_images", "n_reference", "n_features", "steps"), "Int64"))


class SetBootstrap:
    """Draws of each set's units; sets of one stream are drawn together."""

    def __init__(self, config: BootstrapConfig, seed: int) -> None:
        self.draws, self.confidence, self.seed = config.draws, config.confidence, seed

    def weights(self, name: str, units: np.ndarray) -> np.ndarray:
        """(draws, images); no draw where all images are of one unit, of which no interval can be had."""
        weights = draw_weights(units, self.draws, np.random.default_rng([self.seed, STREAMS[name]]))
        return weights if len(set(units)) > 1 else weights[:0]


def _frechet(measured: GenerationMeasurements, boot: SetBootstrap) -> Iterator[dict]:
    for extractor, reason in measured.notes.items():
        for name in (SAMPLES, TRAINING, REBUILT):
            row = {"metric": "frechet_distance", "images": name, "reference": TEST, "extractor": extractor}
            if reason:
                yield row | {"note": reason}
                continue
            images, real = measured.features[extractor, name], measured.features[extractor, TEST]
            weights = [boot.weights(which, measured.units[which]) for which in (name, TEST)]
            drawn = min(map(len, weights))
            result = estimate_frechet(images, real, weights[0][:drawn], weights[1][:drawn], boot.confidence)
            few = min(len(images), len(real)) <= images.shape[1]
            yield {
                **row,
                **vars(result),
                "interval": _interval(name, TEST) + ", centred",
                "n_images": len(images),
                "n_reference": len(real),
                "n_features": images.shape[1],
                "settings": "Gaussians fitted by mean and covariance",
                "note": "biased upwards: fewer images than features" if few else "",
            }


def _diversity(measured: GenerationMeasurements, boot: SetBootstrap) -> Iterator[dict]:
    scales = measured.facts["ms_ssim_scales"]
    for name in JUDGED:
        (first, second), values = measured.pairs[name].T, measured.ms_ssim[name]
        count = len(measured.nearest[name])

        def similarity(weights, first=first, second=second, values=values):
            both = weights[:, first] * weights[:, second]
            return both @ values / both.sum(1)

        result = estimate(similarity, boot.weights(name, np.arange(count)), boot.confidence)
        yield {
            "metric": "ms_ssim",
            "images": name,
            "reference": "each other",
            **vars(result),
            "interval": _interval(name),
            "n_images": count,
            "settings": f"{len(values)} pairs, Gaussian window of 7 voxels (1.5), {scales} scales, data range 1",
            "note": "" if len(values) else "fewer than two images",
        }


def _memorisation(measured: GenerationMeasurements, boot: SetBootstrap) -> Iterator[dict]:
    settings = {"settings": "mean squared error over the box, each image to its nearest training scan"}
    weights = {name: boot.weights(name, np.arange(len(measured.nearest[name]))) for name in JUDGED}
    for name in JUDGED:
        result = estimate(weighted_mean(measured.nearest[name]), weights[name], boot.confidence)
        keys = {"metric": "nearest_training_mse", "images": name, "reference": TRAINING}
        counts = {"n_images": len(measured.nearest[name]), "n_reference": measured.facts["training_scans"]}
        yield keys | vars(result) | {"interval": _interval(name)} | counts | settings
    samples = measured.nearest[SAMPLES]
    for name in HELD_OUT:
        held_out = measured.nearest[name]
        drawn = min(len(weights[SAMPLES]), len(weights[name]))
        both = np.concatenate([weights[SAMPLES][:drawn], weights[name][:drawn]], 1)
        for metric, result in _against(samples, held_out, both, boot.confidence).items():
            keys = {"metric": metric, "images": SAMPLES, "reference": name}
            counts = {"n_images": len(samples), "n_reference": len(held_out)}
            yield keys | vars(result) | {"interval": _interval(SAMPLES, name)} | counts | settings


def _against(samples: np.ndarray, held_out: np.ndarray, weights: np.ndarray, confidence: float) -> dict[str, Estimate]:
    """Samples against held-out scans, by both sets' distances to the training scans; weights are of both, in a row."""
    n = len(samples)

    def ratio(weights: np.ndarray) -> np.ndarray:
        return weighted_mean(samples)(weights[:, :n]) / weighted_mean(held_out)(weights[:, n:])

    def share(weights: np.ndarray) -> np.ndarray:
        least = np.where(weights[:, n:] > 0, held_out, np.inf).min(1, keepdims=True)
        return (weights[:, :n] * (samples < least)).sum(1) / weights[:, :n].sum(1)

    statistics = {"nearest_training_ratio": ratio, "share_nearer_than_held_out": share}
    return {name: estimate(statistic, weights, confidence) for name, statistic in statistics.items()}


def _interval(*sets: str) -> str:
    units = sorted({"samples" if name == SAMPLES else "subjects" for name in sets})
    return f"bootstrap over {' and '.join(units)}, percentiles"
