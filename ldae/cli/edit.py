"""`ldae reconstruct`, `manipulate`, `interpolate` and `vary`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ldae.cli.options import (
    INPUT_HELP,
    WORKERS,
    Along,
    AlongOption,
    Device,
    Inputs,
    Models,
    Out,
    Overwrite,
    Seed,
    Workers,
    finish,
)

STRENGTHS, SHARES = [2.0], [0.25, 0.5, 0.75]


class Towards(StrEnum):
    """What a scan can be edited towards."""

    AD = "AD"
    CN = "CN"
    age = "age"


def reconstruct(
    inputs: Inputs,
    models: Models,
    out: Out,
    device: Device = "auto",
    workers: Workers = WORKERS,
    overwrite: Overwrite = False,
) -> None:
    r"""Rebuild scans from what the model encodes of them.

    Writes a NIfTI on the model's grid and a picture for each scan that passes quality control.

    \b
    Example:
      ldae reconstruct sub-01_T1w.nii.gz --models results/models --out edited
    """
    from ldae.use.edits import reconstruction
    from ldae.use.work import Bench, Options, edit_scans

    bench = Bench(Options(models, out, device, workers, overwrite))
    finish(edit_scans(bench, inputs, [reconstruction()]), out)


def manipulate(
    inputs: Inputs,
    models: Models,
    out: Out,
    towards: Annotated[
        Towards, typer.Option("--towards", "--direction", case_sensitive=False, help="a diagnosis, or age: older")
    ],
    strength: Annotated[
        list[float], typer.Option(help="log-odds of the diagnosis, or years; may be repeated")
    ] = STRENGTHS,
    along: AlongOption = Along.pattern,
    device: Device = "auto",
    workers: Workers = WORKERS,
    overwrite: Overwrite = False,
) -> None:
    r"""Edit scans towards a diagnosis or another age.

    The representation y_sem is moved, the scan's own noise z_T kept. Strength 0 is the reconstruction.

    \b
    Examples:
      ldae manipulate sub-01_T1w.nii.gz --towards AD --strength 2 --models results/models --out edited
      ldae manipulate bids/ --towards age --strength 5 --strength 10 --models results/models --out edited
    """
    from ldae.use.edits import manipulation
    from ldae.use.work import Bench, Options, edit_scans

    bench = Bench(Options(models, out, device, workers, overwrite))
    bench.model.probe_towards(towards.value)  # before any scan is preprocessed
    edits = [manipulation(towards.value, value, along.value) for value in dict.fromkeys(strength)]
    finish(edit_scans(bench, inputs, edits), out)


def interpolate(
    first: Annotated[Path, typer.Argument(metavar="A", help=INPUT_HELP)],
    last: Annotated[Path, typer.Argument(metavar="B", help="another one")],
    models: Models,
    out: Out,
    at: Annotated[
        list[float], typer.Option(help="share of the way from A to B, or with --ages an age; may be repeated")
    ] = SHARES,
    ages: Annotated[tuple[float, float] | None, typer.Option(metavar="A B", help="ages in years at A and B")] = None,
    device: Device = "auto",
    workers: Workers = WORKERS,
    overwrite: Overwrite = False,
) -> None:
    r"""Images on the way from one scan to another, such as two visits of one person.

    They are written beside A. Exit code 1 if A or B fails quality control.

    \b
    Example:
      ldae interpolate baseline.nii.gz year2.nii.gz --ages 70 72 --at 71 --models results/models --out edited
    """
    from ldae.use.interpolate import interpolate_scans
    from ldae.use.work import Bench, Options

    bench = Bench(Options(models, out, device, workers, overwrite))
    prepared = interpolate_scans(bench, first, last, at, ages or ())
    finish(prepared, out)
    if not all(one.usable for one in prepared):
        raise typer.Exit(1)


def vary(
    inputs: Inputs,
    models: Models,
    out: Out,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="noises")] = 8,
    seed: Seed = 0,
    device: Device = "auto",
    workers: Workers = WORKERS,
    overwrite: Overwrite = False,
) -> None:
    r"""Decode each scan's representation with other noises, to see what it leaves open.

    Writes every image, their mean and their standard deviation, voxel by voxel.

    \b
    Example:
      ldae vary sub-01_T1w.nii.gz -n 8 --models results/models --out edited
    """
    from ldae.use.edits import variation
    from ldae.use.work import Bench, Options, edit_scans

    bench = Bench(Options(models, out, device, workers, overwrite))
    finish(edit_scans(bench, inputs, [variation(count, seed)]), out)
