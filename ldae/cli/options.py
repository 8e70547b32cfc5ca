"""Arguments and options that commands share, and what they say at the end."""

from __future__ import annotations

import os
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ldae.preprocessing.prepare import Prepared

INPUT_HELP = "a NIfTI file, a DICOM folder, a BIDS dataset, or a CSV with a column path"
WORKERS = os.cpu_count() or 1

Inputs = Annotated[list[Path], typer.Argument(metavar="INPUT...", help=INPUT_HELP, show_default=False)]
Models = Annotated[
    Path, typer.Option(metavar="DIR", help="results/models of a finished run, or a model that `ldae export` wrote")
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="the BIDS derivative to write: new, empty, or written before")]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto: the GPU where there is one")]
Workers = Annotated[int, typer.Option(min=1, metavar="N", help="processes that preprocess")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace results of other inputs or settings in --out")]
Seed = Annotated[int, typer.Option(min=0, help="of the noise")]


class Along(StrEnum):
    """The direction in which y_sem moves."""

    pattern = "pattern"
    weights = "weights"
    difference = "difference"


AlongOption = Annotated[
    Along,
    typer.Option(
        help="the direction: pattern, what changes together with the diagnosis; weights, what the probe reads; "
        "difference, that of the two groups' means"
    ),
]


def finish(prepared: Iterable[Prepared], out: Path) -> None:
    """Say what became of each scan; exit code 1 where none passed."""
    scans = list(prepared)
    for one in scans:
        print(f"{one.scan.name}: {one.status}" + (f", {one.reason}" if one.reason else ""))
    passed = sum(one.usable for one in scans)
    print(f"{passed} of {len(scans)} scans passed quality control; results in {out}. Research use only.")
    if not passed:
        raise typer.Exit(1)
