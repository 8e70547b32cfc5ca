"""interpolation.csv: predicted scans by gap in months, beside the naive predictions and the published figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ldae.config import names
from ldae.config.evaluation import BootstrapConfig
from ldae.evaluation.measure.interpolation import (
    INTERPOLATION_COLUMNS,
    INTERPOLATION_METRICS,
    PREDICTORS,
    RECONSTRUCTION,
    TARGETS,
    TRIPLE,
)
from ldae.evaluation.statistics.bootstrap import draw_weights, estimate, weighted_mean
from ldae.files import read_table

BIN_MONTHS = 6
BINS_ALWAYS = (6, 12, 18, 24)
GAPS = {"between the given scans": "between_months", "nearer given scan to the target": "nearer_months"}
ALL_GAPS = "all"
# Published for the autoencoder's reconstruction as target, SSIM with a window of 4 voxels; which of the two gaps is
# meant is not stated.
PAPER: dict[tuple[int | None, str], str] = {
    (6, "ssim_win4"): "0.969",
    (6, "mse"): "0.0019",
    (24, "ssim_win4"): "> 0.93",
    (24, "mse"): "< 0.004",
}


def read_interpolations(path: str | Path) -> pd.DataFrame:
    """Read the table of `ldae.evaluation.measure.interpolation.interpolate` as it was written."""
    texts = dict.fromkeys((*TRIPLE, "system", "target", "solver", "note"), str)
    table = read_table(path, INTERPOLATION_COLUMNS, dtype=texts | {"steps": "Int64"})
    return table.fillna(dict.fromkeys(texts, ""))


def tabulate_interpolations(scans: pd.DataFrame, bootstrap: BootstrapConfig, seed: int) -> pd.DataFrame:
    """Means over subjects by gap, with intervals over these and paired differences to LDAE.

    A subject counts by the mean of its triples, however many they are.

    Parameters
    ----------
    scans : DataFrame
        What `interpolate` returned.
    bootstrap, seed : BootstrapConfig, int
        Bootstrap over subjects.

    Returns
    -------
    DataFrame
        A row per gap (definition and bin, the nearest multiple of 6 months, 6 at least, 9 counting as 12), system,
        target and metric: value, low, high, difference (value minus LDAE's of the same subjects) with its interval,
        n_subjects, n_triples, paper. The bins up to 24 months always stand there; an empty one has a `note` and no
        value.
    """
    measured, aside = scans[scans["note"] == ""], scans[scans["note"] != ""]
    notes = [f"set aside: {len(aside)} scans of unknown time"] if len(aside) else []
    table = []
    for definition, gap, chosen in _gaps(measured):
        triples = chosen.pivot(index=TRIPLE, columns=["target", "system"], values=list(INTERPOLATION_METRICS))
        people = triples.groupby(level="subject").mean()
        weights = draw_weights(people.index, bootstrap.draws, np.random.default_rng(seed))
        reasons = [*_reasons(definition, gap, len(people)), *notes]
        counts = {"n_subjects": len(people), "n_triples": len(triples), "note": "; ".join(reasons)}
        for row, values, reference in _cells(people):
            result, gain = (
                estimate(weighted_mean(x), weights if len(people) > 1 else weights[:0], bootstrap.confidence)
                for x in (values, values - reference)
            )
            table.append(
                {"gap_definition": definition, "gap_months": gap}
                | row
                | _sampler(measured, row["system"])
                | vars(result)
                | {"difference": gain.value, "difference_low": gain.low, "difference_high": gain.high}
                | {"paper": _published(row, gap)}
                | counts
            )
    return pd.DataFrame(table).astype({"gap_months": "Int64", "steps": "Int64"})


def nearest_bin(months: pd.Series) -> pd.Series:
    """The nearest multiple of 6 months, 6 at least; halfway counts upwards.

    Examples
    --------
    >>> nearest_bin(pd.Series([2.0, 8.9, 9.0, 25.0])).tolist()
    [6, 6, 12, 24]
    """
    return (BIN_MONTHS * np.floor(months / BIN_MONTHS + 0.5)).clip(lower=BIN_MONTHS).astype(int)


def _gaps(measured: pd.DataFrame) -> Iterator[tuple[str, int | None, pd.DataFrame]]:
    yield ALL_GAPS, None, measured
    for definition, column in GAPS.items():
        bins = nearest_bin(measured[column])
        for gap in sorted({*BINS_ALWAYS, *bins}):
            yield definition, gap, measured[bins == gap]


def _reasons(definition: str, gap: int | None, subjects: int) -> list[str]:
    if not subjects:
        wanted = "" if gap is None else f" and a gap of {gap} months ({definition})"
        return [f"no test subject has three scans at different times{wanted}"]
    return ["one subject: no interval"] if subjects == 1 else []


def _cells(people: pd.DataFrame) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """Yield (keys, values, LDAE's values) over the subjects; empty arrays where there are none."""
    for target in TARGETS:
        for system in PREDICTORS:
            for metric in INTERPOLATION_METRICS:
                values, reference = (
                    people[metric, target, name].to_numpy(float) if len(people) else np.empty(0)
                    for name in (system, names.LDAE)
                )
                yield {"system": system, "target": target, "metric": metric}, values, reference


def _sampler(measured: pd.DataFrame, system: str) -> dict:
    used = measured[measured["system"] == system]
    return {name: used[name].iloc[0] if len(used) else pd.NA for name in ("solver", "steps")}


def _published(row: dict, gap: int | None) -> str:
    comparable = row["system"] == names.LDAE and row["target"] == RECONSTRUCTION
    return PAPER.get((gap, row["metric"]), "") if comparable else ""
