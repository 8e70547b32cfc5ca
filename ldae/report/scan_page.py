"""One HTML page for one scan: quality control, what the probes say, how familiar it is, and its counterfactuals."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from scipy.special import expit, logit

from ldae.config.preprocessing import QCConfig
from ldae.files import write_text
from ldae.preprocessing.prepare import Prepared, limits_of
from ldae.preprocessing.verdict import check_limits
from ldae.systems.description import ModelDescription
from ldae.systems.probe import Calibration, Probe
from ldae.systems.reference import MEASURES, RARE

TEMPLATE = Path(__file__).with_name("scan_page.html")
MEANING = {
    "y_sem_distance": "how far y_sem is from that of the training scans (Mahalanobis)",
    "z_T_std": "how far z_T is from noise: its standard deviation, 1 for a scan that the diffusion knows",
    "autoencoder_mse": "what the autoencoder loses of the scan (mean squared error)",
}


def write_scan_page(
    output: str | Path,
    prepared: Prepared,
    qc: QCConfig,
    description: ModelDescription,
    probes: Mapping[str, Probe],
    said: dict[str, Any] | None,
    pictures: Mapping[str, Path],
) -> None:
    """Write the page: one file without any outside resource, pictures included.

    Parameters
    ----------
    output : path
        HTML.
    prepared : Prepared
        The scan and its verdict.
    qc, description, probes
        Of the model: its limits, what it is, its probes.
    said : dict or None
        What the model says of the scan (`ldae.use.predict.PREDICTED`); None for a scan that it was not given.
    pictures : mapping
        PNGs by place: montage, place, edits; any may be absent.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = lambda value: f"{value:.3g}"
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        scan=prepared.scan,
        status=prepared.status,
        usable=prepared.usable,
        reason=prepared.reason,
        numbers=_limits(prepared, qc),
        probes=_sentences(probes, said) if said else [],
        familiarity=_familiarity(said) if said else [],
        unfamiliar=bool(said and said["unfamiliar"]),
        compared=said is not None and said["unfamiliar"] is not None,
        rare=f"{RARE:.1%}",
        pictures={place: _embedded(path) for place, path in pictures.items() if path.is_file()},
        cohort=description.cohort,
        phantom=description.phantom,
    )
    write_text(output, page)


def describe_calibration(score: float, calibration: Calibration | None) -> str:
    """What is known of the calibrated probability at a score (log-odds).

    Examples
    --------
    >>> describe_calibration(0.0, Calibration(slope=1.0, intercept=0.0, subjects=8, covered=(-2.0, 1.0)))
    'fitted to 8 subjects, whose scans had probabilities of 0.119 to 0.731 before it; this scan lies within'
    """
    if calibration is None:
        return "no calibration: too few validation subjects"
    text = f"fitted to {calibration.subjects} subjects"
    low, high = calibration.covered
    place = "within" if low <= score <= high else "outside, where the calibration is a guess"
    covered = f"{expit(low):.3g} to {expit(high):.3g}"
    return f"{text}, whose scans had probabilities of {covered} before it; this scan lies {place}"


def _sentences(probes: Mapping[str, Probe], said: dict[str, Any]) -> list[dict[str, str]]:
    """What each probe says: its name, the number, and what to know about it."""
    rows = []
    for probe in probes.values():
        fitted = f"{probe.task}, fitted to {probe.training_subjects} subjects"
        if not probe.positive:
            value = said[f"predicted_{probe.task}"]
            rows.append({"name": f"predicted {probe.task}", "value": f"{value:.1f} years", "note": fitted})
            continue
        name = f"P({probe.positive})"
        value, calibrated = said[f"p_{probe.positive}"], said[f"p_{probe.positive}_calibrated"]
        rows.append({"name": f"{name}, as the probe gives it", "value": f"{value:.3f}", "note": fitted})
        shown = "none" if calibrated is None or math.isnan(calibrated) else f"{calibrated:.3f}"
        note = describe_calibration(logit(value), probe.calibration)
        rows.append({"name": f"{name}, calibrated", "value": shown, "note": note})
    return rows


def _familiarity(said: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "value": f"{said[name]:.3g}",
            "exceeded": _share(said[f"exceeded_{name}"]),
            "note": MEANING[name],
        }
        for name in MEASURES
    ]


def _share(share: float | None) -> str:
    if share is None:
        return "not known: the model had too few validation scans"
    return "less than 0.1%" if share < RARE else f"{share:.1%}"


def _limits(prepared: Prepared, config: QCConfig) -> list[dict[str, str]]:
    return [
        {"name": one.name, "value": f"{one.value:.4g}", "side": one.side, "limit": f"{one.limit:g}", "level": one.level}
        for one in check_limits(prepared.numbers, config, limits_of(prepared.numbers))
    ]


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
