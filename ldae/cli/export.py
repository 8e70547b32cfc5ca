"""`ldae export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    models: Annotated[Path, typer.Argument(metavar="MODELS", help="results/models of a finished run")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="the folder to write")],
    tables: Annotated[
        Path | None, typer.Option(metavar="DIR", help="tables for the model card; default: beside MODELS")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace OUT")] = False,
) -> None:
    r"""Write a trained model as one folder to give away: weights, probes, settings, a model card; no subject codes.

    `ldae predict` and `ldae.load` work from it without the workflow and its results.

    \b
    Example:
      ldae export results/models our_model
    """
    from ldae.report.export import export_model

    export_model(models, out, tables, overwrite=overwrite)
    print(f"{out}: the model and its card, README.md. Look at them before you give them away.")
