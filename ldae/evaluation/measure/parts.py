"""What a measurement has found, batch by batch: a killed one goes on where it was."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ldae.config.load import Config
from ldae.errors import UserError
from ldae.evaluation.arrays import read_arrays, write_arrays
from ldae.files import hash_content, hash_file, read_json, sidecar_path, write_json
from ldae.progress import Progress

logger = logging.getLogger(__name__)

# Of the measured rows, what makes a measurement another one; paths do not.
IDENTIFYING = ("subject", "session", "split", "image_sha256", "months", "age")
RECORDS = "records"


@dataclass(frozen=True)
class Part:
    """What was found in one batch: rows of a table (numbers, texts, None), and arrays."""

    records: list[dict] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """Measures batch after batch.

    Attributes
    ----------
    folder : path, optional
        Where each part is written as soon as its batch is measured, and taken from if it is there; nothing is kept
        without one.
    """

    folder: Path | None = None

    def measure(
        self, label: str, noun: str, items: pd.DataFrame, batch_size: int, function: Callable[[pd.DataFrame], Part]
    ) -> list[Part]:
        """The part of every `batch_size` items in their order, by `function` where it is not there yet.

        The log calls the measurement `label` and the items `noun`, which also names the parts among others of the
        same folder.
        """
        batches = [items.iloc[first : first + batch_size] for first in range(0, len(items), batch_size)]
        found = [self._read(noun, number) for number in range(len(batches))]
        done = sum(len(batch) for batch, part in zip(batches, found, strict=True) if part is not None)
        if done:
            logger.info("%s: %d of %d %s were measured before", label, done, len(items), noun)
        progress = Progress(logger, label, len(items), noun, done)
        parts = []
        for number, (batch, part) in enumerate(zip(batches, found, strict=True)):
            if part is None:
                part = self._keep(noun, number, function(batch))
                progress.advance(len(batch))
            parts.append(part)
        return parts

    def _path(self, noun: str, number: int) -> Path | None:
        return self.folder and self.folder / f"{noun}-{number:05d}.npz"

    def _keep(self, noun: str, number: int, part: Part) -> Part:
        """The part as it is read from the disk, so that it makes no difference when it was measured."""
        text, path = json.dumps(part.records), self._path(noun, number)
        if path is not None:
            write_arrays(path, {RECORDS: np.array(text), **part.arrays})
        return Part(json.loads(text), part.arrays)

    def _read(self, noun: str, number: int) -> Part | None:
        """None where there is none, or a damaged one."""
        path = self._path(noun, number)
        if path is None or not path.is_file():
            return None
        try:
            arrays = read_arrays(path, [RECORDS])
            return Part(json.loads(arrays.pop(RECORDS).item()), arrays)
        except (UserError, ValueError) as error:
            logger.warning("%s cannot be read and is measured again: %s", path, " ".join(f"{error}".split()))
            return None


NOT_KEPT = Parts()


def join_records(parts: Iterable[Part]) -> list[dict]:
    """The rows of all parts in their order."""
    return [record for part in parts for record in part.records]


def describe_inputs(
    config: Config,
    models_dir: str | Path,
    models: Iterable[str],
    rows: pd.DataFrame,
    files: Mapping[str, str | Path | None],
    **more: object,
) -> dict:
    """What the parts of a measurement depend on, for `kept_parts`.

    Parameters
    ----------
    config : Config
        All settings that the measurement was given.
    models_dir, models : path, iterable of str
        The folder of the weights, which have been loaded, and so checked against their sidecars; their names.
    rows : DataFrame
        What is measured.
    files : dict
        Other files that are read, by name, or None where there is none.
    more : values that JSON can hold
        Whatever else has a say, such as the hash of the code.
    """
    sidecars = {name: sidecar_path(Path(models_dir, f"{name}.safetensors")) for name in models}
    return {
        "config": config.model_dump(mode="json"),
        "weights": {name: read_json(path)["weights_sha256"] for name, path in sidecars.items()},
        "rows_sha256": hash_content(rows[[name for name in IDENTIFYING if name in rows]].to_dict("records")),
        "files": {name: hash_file(path) for name, path in files.items() if path is not None},
        **more,
    }


@contextmanager
def kept_parts(folder: str | Path, depends_on: dict) -> Iterator[Parts]:
    """Yield the parts of a measurement, with those that a killed run left in `folder`.

    Parts of other inputs (`depends_on`) lie in another folder and are never taken. When the body succeeds, and the
    table is written, all of them are removed.
    """
    own = Path(folder) / hash_content(depends_on)[:16]
    write_json(own / "depends_on.json", depends_on)
    yield Parts(own)
    shutil.rmtree(folder)
