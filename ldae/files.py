"""Atomic writes, content hashes, sidecars: the only ways files are written here."""

from __future__ import annotations

import codecs
import errno
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ldae.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LABELS = ("subject", "session", "image_id")
FORMULA = r"'*[=+\-@\t\r]"  # how a text begins that a spreadsheet would compute, or one that looks defused
DEFUSED = f"^'(?={FORMULA})"
PARTIAL = ".partial-"  # how the names begin of what is not yet whole
CONTENT_HASH = "ContentSHA256"


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
        if error.errno is not None and (error.filename is None or PARTIAL in str(error.filename)):
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


@contextmanager
def durable_path(path: str | Path) -> Iterator[Path]:
    """As `atomic_path`; what stands under either name is on the disk, also where the power fails."""
    path = Path(path)
    with atomic_path(path) as temporary:
        yield temporary
        flush(temporary)
    flush(path.parent)


def flush(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def replace_folder(source: str | Path, target: str | Path) -> None:
    """Put a folder in the place of another, if there is one, which stays until the new one is there as a whole."""
    target = Path(target)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".partial-") as folder:
        new, old = Path(folder, "new"), Path(folder, "old")
        move_folder(source, new)
        if target.exists():
            target.rename(old)
        new.rename(target)


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
    if not isinstance(value, str) or len(value) < 2 or not re.match(FORMULA, value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def read_table(path: str | Path, columns: tuple[str, ...] = (), **options) -> pd.DataFrame:
    """Read a CSV or TSV and check that `columns` are there; what `write_table` writes comes back as it was.

    Missing are empty cells and BIDS' ``n/a``, unless `options` say otherwise: a subject may be called NA or null. The
    columns `LABELS` are text: so may one be called 001, 1e5 or True.

    Raises
    ------
    UserError
        The file is absent, closed, empty, no text in UTF-8, has a row of more cells than the header, or lacks a column.
    """
    import pandas as pd  # the Snakefile imports this module

    path = Path(path)
    tabs = path.suffix == ".tsv"
    if "keep_default_na" not in options:
        options |= {"keep_default_na": False, "na_values": ["", "n/a"]}
    options["dtype"] = (
        {**dict.fromkeys(LABELS, str), **own} if isinstance(own := options.get("dtype", {}), dict) else own
    )
    content = _read_content(path)
    kind, cure = ("tab" if tabs else "comma"), "save it so; a cell that holds a separator needs quotation marks"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # pandas would cut the row off
            table = pd.read_csv(io.BytesIO(content), sep="\t" if tabs else ",", index_col=False, **options)
    except pd.errors.EmptyDataError:
        raise UserError(path, "a table with a header", "an empty file", "download it again") from None
    except pd.errors.ParserWarning:
        found = "more cells in the first row than in the header"
        raise UserError(path, f"a {kind}-separated table", found, cure) from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        found = " ".join(str(error).split())
        raise UserError(path, f"a {kind}-separated table in UTF-8", found, cure) from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        found = f"no column {', '.join(missing)}, but {', '.join(map(str, table.columns[:12]))}"
        raise UserError(
            path, f"columns {', '.join(columns)}, {kind}-separated", found, "save or download the full table"
        )
    for name in table.select_dtypes(object) if b"'" in content else ():
        quoted = table[name].map(lambda cell: isinstance(cell, str) and cell.startswith("'"))
        table.loc[quoted, name] = table.loc[quoted, name].map(restore)
    return table


def restore(text: str) -> str:
    """A cell that `defuse` may have changed, as it was.

    Examples
    --------
    >>> restore("'=1+1"), restore("it's")
    ('=1+1', "it's")
    """
    return re.sub(DEFUSED, "", text)


def _read_content(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(path, "a table", "no such file", "check the path")
    try:
        content = path.read_bytes()
    except PermissionError:
        raise UserError(path, "a table", "a file that may not be read", "allow yourself to read it (chmod)") from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content:
        raise UserError(path, "a table in UTF-8", "UTF-16, or no text", "save it as CSV in UTF-8")
    return content


def hash_file(path: str | Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_content(content: object) -> str:
    """SHA-256 of a JSON-serialisable object, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
