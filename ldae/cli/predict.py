"""`ldae predict`."""

from __future__ import annotations

from typing import Annotated

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
        said = row["reason"]
        if row["path"] == row["path"]:  # not NaN: the model was asked
            numbers = {"P(AD)": row["p_AD"], "calibrated": row["p_AD_calibrated"], "age": row["predicted_age"]}
            said = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items() if value is not None)
            said += ", UNFAMILIAR: out of distribution" if row["unfamiliar"] else ""
            said += f" ({row['reason']})" if row["reason"] else ""
        print(f"sub-{row['subject']}_ses-{row['session']}: {row['status']}, {said}")
    passed = int(table["path"].notna().sum())
    print(f"{passed} of {len(table)} scans passed quality control; see {out / TABLE}. Research use only.")
    if not passed:
        raise typer.Exit(1)
