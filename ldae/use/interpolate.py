"""The way from one scan to another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ldae.errors import UserError
from ldae.preprocessing.prepare import Prepared, PrepareJob
from ldae.use.edits import Edit, interpolation
from ldae.use.work import Bench


def interpolate_scans(
    bench: Bench, first: Path, last: Path, at: Sequence[float], ages: Sequence[float] = ()
) -> list[Prepared]:
    """Images on the way from one scan to another, written beside the first; both scans with their verdicts.

    Parameters
    ----------
    bench : Bench
    first, last : path
        Inputs that hold one scan each.
    at, ages
        As in `TrainedModel.interpolate`.

    Raises
    ------
    UserError
        The inputs do not hold two scans, or the ages are equal.
    """
    if ages and ages[0] == ages[1]:
        raise UserError("--ages", "two different ages", f"{ages[0]:g} twice", "give both scans' ages in years")
    jobs = bench.plan([first, last])
    if len(jobs) != 2:
        raise UserError("A and B", "one scan each, not the same", f"{len(jobs)} scans", "give two scans")
    edits = [_edit(jobs[1], at, ages)]
    bench.refuse_others(jobs[:1], edits)
    prepared = bench.prepare(jobs)
    if all(one.usable for one in prepared):
        bench.make(prepared[0], edits, bench.codes(prepared[0]))
    return prepared


def _edit(other: PrepareJob, at: Sequence[float], ages: Sequence[float]) -> Edit:
    name = f"{other.scan.subject}x{other.scan.session}"
    return interpolation(other.files.image, name, other.key, at, ages)
