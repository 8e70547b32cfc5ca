"""Atomic writes, content hashes, sidecars: the only ways files are written here."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ldae.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

CONTENT_HASH = "ContentSHA256"
PARTIAL = ".partial-"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`, with its suffixes; rename it to `path` on success only.

    Raises
    ------
    OSError
        The disk takes no more, for which libraries have errors of their own, or the folder may not be written to; it
        names `path`.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=PARTIAL) as folder:
            temporary = Path(folder) / path.name
            try:
                yield temporary
            except Exception as error:
                if not isinstance(error, OSError | UserError):
                    _refuse_full_disk(error, temporary)
                raise
            os.replace(temporary, path)
    except OSError as error:
        if error.filename is None or PARTIAL in str(error.filename):
            error.filename = str(path)
        raise


def _refuse_full_disk(error: Exception, unfinished: Path) -> None:
    """Raise the system's own error where a library's stands for it.

    Rust's tell its number; of PyTorch's nothing is known, so a little more is written to the file.
    """
    number = re.search(r"\(os error (\d+)\)", str(error))
    if number:
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
    if unfinished.is_file():
        with unfinished.open("ab") as stream:
            stream.write(bytes(1 << 16))
            stream.flush()
            os.fsync(stream.fileno())


def move_folder(source: str | Path, target: str | Path) -> None:
    """Put a folder where there is none, as a whole, also from another file system."""
    source, target = Path(source), Path(target)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=PARTIAL) as folder:
            copy = shutil.copytree(source, Path(folder) / target.name, symlinks=True)
            copy.rename(target)
        shutil.rmtree(source)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` in UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: object) -> None:
    """Write `content` as indented JSON with sorted keys, atomically."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, default=str) + "\n")


def read_json(path: str | Path) -> dict:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_record(path: str | Path, record: dict) -> None:
    """Write a JSON object with the hash of its content, atomically, for `read_record` to see that it is whole."""
    content = json.loads(json.dumps(record, default=str))
    write_json(path, content | {CONTENT_HASH: hash_content(content)})


def read_record(path: str | Path) -> dict | None:
    """Read a JSON object without its hash; None where there is none, or a damaged one, or anything but an object."""
    try:
        record = read_json(path)
    except (FileNotFoundError, PermissionError, IsADirectoryError, ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    noted = record.pop(CONTENT_HASH, None)
    return record if noted in (None, hash_content(record)) else None


def sidecar_path(path: str | Path) -> Path:
    """Where the description of a weight file lies."""
    return Path(path).with_suffix(".json")


def image_sidecar(path: str | Path) -> Path:
    """Where BIDS has the description of an image."""
    return Path(path).with_name(Path(path).name.replace(".nii.gz", ".json"))


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a CSV without index, atomically; a `.tsv` name gives tabs and BIDS' `n/a` for missing values.

    Text that a spreadsheet would take for a formula is written with a quote mark before it.
    """
    tabs = Path(path).suffix == ".tsv"
    table = table.apply(lambda column: column.map(defuse) if column.dtype == object else column)
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, sep="\t" if tabs else ",", na_rep="n/a" if tabs else "")


def defuse(value: object) -> object:
    """A cell; text that a spreadsheet would compute becomes text for it as well.

    Examples
    --------
    >>> defuse("=1+1"), defuse("-4.5"), defuse("+ slice"), defuse("site 7")
    ("'=1+1", '-4.5', "'+ slice", 'site 7')
    """
    if not isinstance(value, str) or len(value) < 2 or value[0] not in "=+-@\t\r":
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def read_table(path: str | Path, columns: tuple[str, ...] = (), **options) -> pd.DataFrame:
    """Read a CSV or TSV and check that `columns` are there.

    Missing are empty cells and BIDS' ``n/a``, unless `options` say otherwise: a subject may be called NA or null.

    Raises
    ------
    UserError
        The file is absent, empty, or lacks a column.
    """
    import pandas as pd  # the Snakefile imports this module

    path = Path(path)
    if not path.is_file():
        raise UserError(path, "a table", "no such file", "check the path")
    if "keep_default_na" not in options:
        options |= {"keep_default_na": False, "na_values": ["", "n/a"]}
    try:
        table = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",", **options)
    except pd.errors.EmptyDataError:
        raise UserError(path, "a table with a header", "an empty file", "download it again") from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(
            path, f"columns {', '.join(columns)}", f"no column {', '.join(missing)}", "download the full table"
        )
    return table


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_content(content: object) -> str:
    """SHA-256 of a JSON-serialisable object, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
