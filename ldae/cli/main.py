"""The command `ldae`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from ldae.cohort.adni.preflight import check_download, describe_check
from ldae.files import write_table


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="ldae", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="say what is wrong with an ADNI download",
        description="Read an ADNI download and its tables, say what is wrong with them and what to do about it. "
        "Nothing is written but the report. Exit code 0: the workflow can run; 1: it cannot.",
    )
    check.add_argument("dicom_dir", metavar="DICOM_DIR", help="folder with one folder per subject, such as 011_S_4102")
    check.add_argument("clinical_dir", metavar="CLINICAL_DIR", help="folder with the clinical CSVs")
    check.add_argument("--report", metavar="CSV", help="write the findings there, too")
    check.add_argument("--workers", type=_positive, default=os.cpu_count(), metavar="N", help="processes (%(default)s)")
    check.set_defaults(run=run_check)
    options = parser.parse_args(arguments)
    _show_progress()
    return options.run(options)


def run_check(options: argparse.Namespace) -> int:
    """Check a download, print what was found; 1 where nothing can be converted."""
    checked = check_download(options.dicom_dir, options.clinical_dir, shards=1, workers=options.workers)
    print(describe_check(checked, options.dicom_dir, options.clinical_dir))
    if options.report:
        write_table(Path(options.report), checked.findings)
    return 1 if checked.errors else 0


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def _show_progress() -> None:
    """Progress on one line of a terminal; elsewhere nothing, for the summary says it all."""
    terminal = sys.stderr.isatty()
    handler = logging.StreamHandler(sys.stderr)
    handler.terminator = "\x1b[K\r"
    package = logging.getLogger("ldae")
    package.handlers, package.propagate = [handler] if terminal else [logging.NullHandler()], False
    package.setLevel(logging.INFO)
