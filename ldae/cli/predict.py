"""`ldae predict`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ldae.cli.options import WORKERS, Along, AlongOption, Device, Inputs, Models, Out, Overwrite, Workers


def predict(
    inputs: Inputs,
    models: Models,
    out: Out,
    strength: Annotated[float, typer.Option(help="of the counterfactuals, in log-odds of the diagnosis")] = 2.0,
    along: AlongOption = Along.pattern,
    device: Device = "auto",
    workers: Workers = WORKERS,
    overwrite: Overwrite = False,
) -> None:
    r"""Preprocess scans, judge their quality, and ask the model about those that pass.

    Writes a BIDS derivative with predictions.csv, and one HTML page per scan with its quality control, P(AD), age,
    place among the training scans, and counterfactuals. A scan that fails has its reason and no number; exit code 1
    if all fail. What was done before in --out is kept. Research use only.

    \b
    Example:
      ldae predict sub-01_T1w.nii.gz dicom_folder/ --models results/models --out predictions
    """
    from ldae.use.predict import TABLE, predict_scans
    from ldae.use.work import Bench, Options

    bench = Bench(Options(models, out, device, workers, overwrite))
    table = predict_scans(bench, inputs, strength, along.value)
    for row in table.to_dict("records"):
        print(f"sub-{row['subject']}_ses-{row['session']}: {', '.join(_say(row))}")
    passed = int(table["path"].notna().sum())
    print(f"{passed} of {len(table)} scans passed quality control; see {out / TABLE}. Research use only.")
    if not passed:
        raise typer.Exit(1)


def _say(row: dict[str, Any]) -> Iterator[str]:
    """What is known of one scan: its verdict with the reason and, where the model was asked, its numbers."""
    yield row["status"]
    if row["reason"]:
        yield row["reason"]
    numbers = {"P(AD)": row["p_AD"], "calibrated": row["p_AD_calibrated"], "age": row["predicted_age"]}
    yield from (f"{name} {value:.3g}" for name, value in numbers.items() if value is not None and value == value)
    if row["unfamiliar"] is True:
        yield "UNFAMILIAR: out of distribution"
