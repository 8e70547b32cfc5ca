"""counterfactual.csv: what editing a scan changes in it, per log-odds or year, beside what differs between people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ldae.config.evaluation import BootstrapConfig
from ldae.data.labels import join_labels, read_dataset
from ldae.data.scans import SCAN_KEY
from ldae.evaluation.features.morphometry import REGIONS
from ldae.evaluation.measure.counterfactual import COUNTERFACTUAL_COLUMNS, EDITED, SCAN
from ldae.evaluation.statistics.bootstrap import Resampler, ratio_of_means, weighted_mean
from ldae.evaluation.statistics.scores import regression_scores
from ldae.evaluation.tables.published_probes import AGE
from ldae.evaluation.tables.result import write_result
from ldae.files import read_table

SCORE, IDENTITY = "score", "own_mse / other_mse"
EFFECT_COLUMNS = (
    *("edit", "along", "measure", "unit", "value", "low", "high"),
    *("observed", "observed_low", "observed_high", "truth"),
    *("at_lowest", "at_zero", "at_highest", "smallest_step", "n_subjects", "note"),
)


def write_counterfactuals(
    measured: str | Path,
    dataset: str | Path,
    bootstrap: BootstrapConfig,
    seed: int,
    output: str | Path,
    truth: str | Path | None = None,
    *,
    cohort: str,
) -> None:
    """Read what `measure_counterfactuals` wrote, and write the table.

    Parameters
    ----------
    measured, dataset : path
        The measurements, and the table of labels (for the ages).
    bootstrap, seed : BootstrapConfig, int
        Bootstrap over subjects.
    output : path
        The CSV, columns `EFFECT_COLUMNS` and cohort.
    truth : path, optional
        The phantom's truth.csv.
    cohort : str
        What the column `cohort` says.
    """
    scans = read_table(measured, COUNTERFACTUAL_COLUMNS, dtype=dict.fromkeys((*SCAN_KEY, "edit", "along"), str))
    labels = read_dataset(dataset)
    known = None
    if truth is not None:
        known = read_table(truth, (*SCAN_KEY, "severity", "age"), dtype=dict.fromkeys(SCAN_KEY, str))
    write_result(output, tabulate_counterfactuals(scans, labels, bootstrap, seed, known), cohort)


def tabulate_counterfactuals(
    scans: pd.DataFrame,
    labels: pd.DataFrame,
    bootstrap: BootstrapConfig,
    seed: int,
    truth: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Slopes of every measure on the strength of every edit.

    Parameters
    ----------
    scans, labels : DataFrame
        The measurements, and what `read_dataset` gives.
    bootstrap, seed : BootstrapConfig, int
        Bootstrap over subjects.
    truth : DataFrame, optional
        Columns subject, session, severity, age: of the phantom.

    Returns
    -------
    DataFrame
        `EFFECT_COLUMNS`. ``value``: mean over the subjects of each one's own least-squares slope on the strength.
        ``observed``: slope of the same measure in the unedited scans, from subject to subject, on the probe's log-odds,
        or for age on the true age. ``truth``: the phantom's own; slope of the measure in the unedited scans on the true
        severity (or age) at a fixed age (or severity), over that of the probe's log-odds. ``at_…``: means at the
        lowest, at no and at the highest strength; ``smallest_step``: the smallest rise of the mean from one strength to
        the next, below 0 where it falls. The rows `IDENTITY` are the distance to another visit of the subject over that
        to another subject's scan, at the highest strength.
    """
    resample = Resampler(bootstrap.draws, bootstrap.confidence, seed)
    rows: list[dict] = []
    for (edit, along), chosen in scans.groupby(["edit", "along"], sort=False):
        edited, unedited = (chosen[chosen["image"] == image] for image in (EDITED, SCAN))
        unedited = join_labels(unedited.assign(split="test"), labels)  # those alone are measured
        for measure in (*REGIONS, SCORE):
            wide = edited.pivot(index="subject", columns="strength", values=measure)
            result = resample(weighted_mean(own_slopes(wide)), wide.index.to_numpy())
            cause = unedited["age" if edit == AGE else SCORE]
            rows.append(
                {
                    "edit": edit,
                    "along": along,
                    "measure": measure,
                    "unit": "per year" if edit == AGE else "per log-odds",
                }
                | vars(result)
                | _observed(unedited[measure], cause, unedited["subject"], resample)
                | {"truth": true_slope(unedited, measure, str(edit), truth)}
                | _means(wide)
                | {"n_subjects": len(wide), "note": ""}
            )
        rows.extend(_identity(edited, str(edit), str(along), resample))
    return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))


def own_slopes(wide: pd.DataFrame) -> np.ndarray:
    """Least-squares slope of each row's values on the columns' numbers, (rows,)."""
    strength = wide.columns.to_numpy(float)
    centred = strength - strength.mean()
    return wide.to_numpy(float) @ centred / (centred @ centred)


def true_slope(scans: pd.DataFrame, measure: str, edit: str, truth: pd.DataFrame | None) -> float:
    """What the phantom's severity, or age, does to a measure of its unedited scans, in the unit of the edit."""
    if truth is None or measure == SCORE:
        return np.nan
    known = scans[[*SCAN_KEY, measure, SCORE]].merge(truth[[*SCAN_KEY, "severity", "age"]], on=SCAN_KEY)
    causes = np.column_stack([np.ones(len(known)), known["severity"], known["age"]])
    effects, *_ = np.linalg.lstsq(causes, known[[measure, SCORE]].to_numpy(float))
    of_severity, of_age = effects[1], effects[2]
    return float(of_age[0]) if edit == AGE else float(of_severity[0] / of_severity[1])


def _observed(values: pd.Series, cause: pd.Series, subjects: pd.Series, resample: Resampler) -> dict[str, float]:
    known = cause.notna().to_numpy()
    slope = regression_scores(values[known].to_numpy(), cause[known].to_numpy())["slope"]
    result = resample(slope, subjects[known])
    return {"observed": result.value, "observed_low": result.low, "observed_high": result.high}


def _means(wide: pd.DataFrame) -> dict[str, float]:
    means = wide.mean()
    return {
        "at_lowest": means.iloc[0],
        "at_zero": means[0.0],
        "at_highest": means.iloc[-1],
        "smallest_step": means.diff().min(),
    }


def _identity(edited: pd.DataFrame, edit: str, along: str, resample: Resampler) -> Iterator[dict]:
    known = edited[edited["own_mse"].notna() & edited["other_mse"].notna()]
    row = {"edit": edit, "along": along, "measure": IDENTITY, "unit": "ratio", "n_subjects": known["subject"].nunique()}
    if known.empty:
        yield row | {"note": "no test subject has two visits, or there is one test subject alone"}
        return
    ratios = {
        strength: resample(ratio_of_means(rows["own_mse"], rows["other_mse"]), rows["subject"])
        for strength, rows in known.groupby("strength")
    }
    lowest, highest = min(ratios), max(ratios)
    at = {"at_lowest": ratios[lowest].value, "at_zero": ratios[0.0].value, "at_highest": ratios[highest].value}
    yield row | vars(ratios[highest]) | at | {"note": ""}
