"""`ldae preprocess`."""

from __future__ import annotations

from ldae.cli.options import WORKERS, Inputs, Models, Out, Overwrite, Workers, finish


def preprocess(
    inputs: Inputs, models: Models, out: Out, workers: Workers = WORKERS, overwrite: Overwrite = False
) -> None:
    r"""Preprocess scans as the model's own cohort was, and judge their quality; the model itself is not asked.

    A scan that is preprocessed already is recognised by its voxels and kept as it is. Exit code 1 if all fail.

    \b
    Example:
      ldae preprocess dicom_folder/ --models results/models --out preprocessed
    """
    from ldae.use.work import Bench, Options

    bench = Bench(Options(models, out, workers=workers, overwrite=overwrite))
    finish(bench.prepare(bench.plan(inputs)), out)
