"""leakage.csv: for every fitted thing, which subjects it saw; one test subject among them stops the workflow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ldae.errors import UserError, UserErrors
from ldae.evaluation.features.embeddings import read_embeddings
from ldae.files import hash_content, read_json


@dataclass(frozen=True)
class Fitted:
    """Something with parameters: its name, the file that tells, and the subjects it was fitted to and selected by."""

    name: str
    source: str
    train: frozenset[str]
    validation: frozenset[str] = frozenset()


def of_weights(path: str | Path) -> Fitted:
    """A trained network or statistic, by the JSON file beside its weights.

    Raises
    ------
    UserError
        The file does not say which subjects were seen.
    """
    sidecar = Path(path).with_suffix(".json")
    subjects = read_json(sidecar).get("subjects")
    if subjects is None:
        cure = "run the rule that makes it again; it was trained by an earlier version"
        raise UserError(sidecar, "the subjects that were seen", "none", cure)
    return Fitted(sidecar.stem, sidecar.as_posix(), *(frozenset(subjects.get(s, ())) for s in ("train", "validation")))


def of_embeddings(path: str | Path) -> Fitted:
    """The transformation, such as a PCA, that gave a file of embeddings; nobody, where nothing was fitted for it."""
    return Fitted(f"features {Path(path).stem}", Path(path).as_posix(), frozenset(read_embeddings(path).fitted_to))


def of_probes(path: str | Path) -> list[Fitted]:
    """The probes of a downstream table, by the JSON file beside it: task and encoder to subjects by split."""
    return [
        Fitted(f"probe {task}, {encoder}", Path(path).as_posix(), *map(frozenset, (seen["train"], seen["validation"])))
        for task, encoders in read_json(path).items()
        for encoder, seen in encoders.items()
    ]


def read_fitted(weights: Iterable[str | Path], embeddings: Iterable[str | Path], probes: str | Path) -> list[Fitted]:
    """Everything that was fitted, as these files tell."""
    return [*map(of_weights, weights), *map(of_embeddings, embeddings), *of_probes(probes)]


def tabulate_leakage(fitted: Iterable[Fitted], scans: pd.DataFrame) -> pd.DataFrame:
    """State who was seen, and refuse any test subject.

    Parameters
    ----------
    fitted : iterable of Fitted
        What was fitted.
    scans : DataFrame
        The table of scans: subject, split.

    Returns
    -------
    DataFrame
        A row per fitted thing: fitted_thing, source, training_subjects, validation_subjects, test_subjects (0),
        of_other_datasets (0), subjects_sha256 (of the sorted lists).

    Raises
    ------
    UserError
        Something saw a test subject, or one whom the table of scans does not hold; all such things are named.
    """
    test = set(scans.loc[scans["split"] == "test", "subject"])
    known = set(scans["subject"])
    rows, faults = [], []
    for thing in fitted:
        seen = thing.train | thing.validation
        leaked, strangers = sorted(seen & test), sorted(seen - known)
        if leaked:
            found = f"{len(leaked)}, such as {leaked[0]}"
            cure = f"make {thing.source} anew from results/scans.csv; results made with it do not count"
            faults.append(UserError(thing.name, "no test subject among those seen", found, cure))
        if strangers:
            found = f"{len(strangers)} others, such as {strangers[0]}"
            faults.append(UserError(thing.name, "subjects of results/scans.csv", found, f"make {thing.source} anew"))
        rows.append(
            {
                "fitted_thing": thing.name,
                "source": thing.source,
                "training_subjects": len(thing.train),
                "validation_subjects": len(thing.validation),
                "test_subjects": len(leaked),
                "of_other_datasets": len(strangers),
                "subjects_sha256": hash_content([sorted(thing.train), sorted(thing.validation)]),
            }
        )
    if faults:
        raise UserErrors(faults)
    return pd.DataFrame(rows)
