"""`ldae check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ldae.cli.options import WORKERS


def check(
    dicom_dir: Annotated[
        Path, typer.Argument(metavar="DICOM_DIR", help="folder with one folder per subject, such as 011_S_4102")
    ],
    clinical_dir: Annotated[Path, typer.Argument(metavar="CLINICAL_DIR", help="folder with the clinical CSVs")],
    report: Annotated[Path | None, typer.Option(metavar="CSV", help="write the findings there, too")] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="processes")] = WORKERS,
) -> None:
    r"""Say what is wrong with an ADNI download, and what to do about it.

    Nothing is written but the report. Exit code 0: the workflow can run; 1: it cannot.

    \b
    Example:
      ldae check /data/adni/images /data/adni/tables --report findings.csv
    """
    from ldae.cohort.adni.preflight import check_download, describe_check
    from ldae.files import write_table

    checked = check_download(dicom_dir, clinical_dir, shards=1, workers=workers)
    print(describe_check(checked, dicom_dir, clinical_dir))
    if report:
        write_table(report, checked.findings)
    if checked.errors:
        raise typer.Exit(1)
