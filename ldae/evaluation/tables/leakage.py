"""leakage.csv: for every fitted thing, which subjects it saw; one test subject among them stops the workflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ldae.config.names import AS_TRAINED
from ldae.errors import UserError, UserErrors
from ldae.evaluation.features.embeddings import read_embeddings
from ldae.files import hash_content, read_json
from ldae.weights import read_sidecar

COUNTS = ("training_subjects", "validation_subjects", "test_subjects", "of_other_datasets")
ELSEWHERE = "fitted to another cohort; none of its subjects is in this one"
NOT_NAMED = "fitted to another cohort, and its files name no subjects: whether some are in this one cannot be checked"
UNKNOWN = "pretraining subjects unknown: whether some are in this cohort cannot be checked"


@dataclass(frozen=True)
class Fitted:
    """Something with parameters: its name, the file that tells, and the subjects it was fitted to and selected by.

    `elsewhere`: it was fitted to another cohort. Its file may tell no more then than how many subjects there were,
    `counts`, by split; `note` is what the table says of that.
    """

    name: str
    source: str
    train: frozenset[str]
    validation: frozenset[str] = frozenset()
    elsewhere: bool = False
    counts: Mapping[str, int] | None = None
    note: str = NOT_NAMED


def of_elsewhere(name: str, source: str | Path, record: dict) -> Fitted:
    """Something that was fitted to another cohort, by its sidecar or a record like one."""
    subjects = record.get("subjects")
    counts = record.get("subject_counts", {}) if subjects is None else None
    return Fitted(name, Path(source).as_posix(), *_sides(subjects or {}), elsewhere=True, counts=counts)


def of_weights(path: str | Path) -> Fitted:
    """A trained network or statistic, by the JSON file beside its weights.

    Raises
    ------
    UserError
        The file is missing or damaged, or does not say which subjects were seen.
    """
    sidecar = Path(path).with_suffix(".json")
    subjects = read_sidecar(sidecar, f"delete {path} and run the workflow again; it makes both anew").get("subjects")
    if subjects is None:
        cure = "run the rule that makes it again; it was trained by an earlier version"
        raise UserError(sidecar, "the subjects that were seen", "none", cure)
    return Fitted(sidecar.stem, sidecar.as_posix(), *_sides(subjects))


def of_embeddings(path: str | Path) -> Fitted:
    """The transformation, such as a PCA, that gave a file of embeddings; nobody, where nothing was fitted for it."""
    return Fitted(f"features {Path(path).stem}", Path(path).as_posix(), frozenset(read_embeddings(path).fitted_to))


def of_external(path: str | Path) -> Fitted:
    """An encoder from outside, by the file of what it made; nobody here knows what it was trained on."""
    name = f"external encoder {Path(path).stem.removeprefix('external_')}"
    return Fitted(name, Path(path).as_posix(), frozenset(), elsewhere=True, counts={}, note=UNKNOWN)


def of_probes(path: str | Path) -> list[Fitted]:
    """The probes of a downstream table, by the JSON file beside it: task and encoder to subjects by split."""
    return [
        Fitted(f"probe {task}, {encoder}", Path(path).as_posix(), *_sides(seen))
        for task, encoders in read_json(path).items()
        for encoder, seen in encoders.items()
    ]


def read_fitted(
    weights: Iterable[str | Path],
    embeddings: Iterable[str | Path],
    probes: str | Path,
    trained: Sequence[str | Path] = (),
    external: Iterable[str | Path] = (),
) -> list[Fitted]:
    """Everything that was fitted, as these files tell.

    `trained`: `ldae.systems.taken.PROBE_SUBJECTS`, where the weights come from another cohort; empty where they do not.
    `external`: the embeddings that encoders from outside made.
    """
    if trained:
        sidecars = [Path(path).with_suffix(".json") for path in weights]
        cure = "delete the folder of models and run the workflow again; it takes the model anew"
        told = [of_elsewhere(sidecar.stem, sidecar, read_sidecar(sidecar, cure)) for sidecar in sidecars]
        for path in trained:
            records = read_json(path).items()
            told += [of_elsewhere(f"probe {task}, {AS_TRAINED}", path, record) for task, record in records]
    else:
        told = list(map(of_weights, weights))
    return [*told, *map(of_embeddings, embeddings), *map(of_external, external), *of_probes(probes)]


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
        of_other_datasets (0, but for what was fitted elsewhere), subjects_sha256 (of the sorted lists), note. What
        is not known is missing, and the note says so.

    Raises
    ------
    UserError
        Something saw a test subject, or one whom the table of scans does not hold, or was fitted to another cohort and
        saw one whom the table holds; all such things are named.
    """
    test = set(scans.loc[scans["split"] == "test", "subject"])
    known = set(scans["subject"])
    rows, faults = [], []
    for thing in fitted:
        seen = thing.train | thing.validation
        leaked, strangers = sorted(seen & (known if thing.elsewhere else test)), sorted(seen - known)
        if leaked:
            whom = "subject of this cohort" if thing.elsewhere else "test subject"
            cure = f"make {thing.source} anew from results/scans.csv; results made with it do not count"
            found = f"{len(leaked)}, such as {leaked[0]}"
            faults.append(UserError(thing.name, f"no {whom} among those seen", found, cure))
        if strangers and not thing.elsewhere:
            found = f"{len(strangers)} others, such as {strangers[0]}"
            faults.append(UserError(thing.name, "subjects of results/scans.csv", found, f"make {thing.source} anew"))
        rows.append({"fitted_thing": thing.name, "source": thing.source} | _count(thing, len(leaked), len(strangers)))
    if faults:
        raise UserErrors(faults)
    return pd.DataFrame(rows).astype(dict.fromkeys(COUNTS, "Int64"))


def _sides(subjects: dict[str, list[str]]) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(subjects.get("train", ())), frozenset(subjects.get("validation", ()))


def _count(thing: Fitted, leaked: int, strangers: int) -> dict:
    """The columns of a row that count subjects."""
    if thing.counts is not None:
        counted = [thing.counts.get(split) for split in ("train", "validation")]
        return dict(zip(COUNTS, [*counted, None, None], strict=True)) | {"subjects_sha256": "", "note": thing.note}
    return {
        **dict(zip(COUNTS, [len(thing.train), len(thing.validation), leaked, strangers], strict=True)),
        "subjects_sha256": hash_content([sorted(thing.train), sorted(thing.validation)]),
        "note": ELSEWHERE if thing.elsewhere else "",
    }
