"""What each file of a run was when its rule had written it, so that whoever reads it notices damage and edits.

``results/checksums/`` has a file for each of them, in the form of sha256sum:
``find results/checksums -type f -exec cat {} + | sha256sum --check --quiet --ignore-missing`` looks through all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ldae.errors import UserError, UserErrors
from ldae.files import hash_file, write_text

RESULTS = Path("results")
CHECKSUMS = RESULTS / "checksums"
SUFFIX = ".sha256"


@contextmanager
def checked_files(
    inputs: Sequence[str | Path], outputs: Sequence[str | Path], *, writes: bool = True
) -> Iterator[None]:
    """Compare what a rule reads before the body, and note what it wrote after it; a body that fails leaves no note.

    `writes`: whether this is the process that writes the outputs.

    Raises
    ------
    UserErrors
        As `compare_checksums`, also of an output that is there and will be added to.
    """
    compare_checksums([*inputs, *outputs])
    if writes:
        for path in map(Path, outputs):
            if path.is_relative_to(RESULTS):
                _note(path).unlink(missing_ok=True)
    yield
    if writes:
        record_checksums(outputs)


def record_checksums(files: Iterable[str | Path]) -> None:
    """Note the content of files below ``results/`` that were written just now, but for folders."""
    for path in map(Path, files):
        if path.is_file() and path.is_relative_to(RESULTS):
            write_text(_note(path), f"{hash_file(path)}  {path.as_posix()}\n")


def compare_checksums(files: Iterable[str | Path]) -> None:
    """Hold files against what was noted of them; those that are absent or without a note are passed over.

    Raises
    ------
    UserErrors
        Files are not those that were written; all are named.
    """
    errors = []
    for path in map(Path, files):
        noted = _noted(path)
        if noted and path.is_file() and hash_file(path) != noted:
            cure = (
                "put back the file that was there, or delete it, and the same command makes it again; "
                f"if the change is meant, delete {_note(path)}"
            )
            errors.append(UserError(path, "the file that its rule wrote", "changed or damaged content", cure))
    if errors:
        raise UserErrors(errors)


def compare_edited() -> None:
    """`compare_checksums` of all files that were written to after their note: a moment's work, however large they are.

    Snakemake removes the outputs of what it runs again, so this has to come before any job: an edited table of scans
    would cost every training.
    """
    noted = {RESULTS / path.relative_to(CHECKSUMS).with_suffix(""): path for path in CHECKSUMS.rglob(f"*{SUFFIX}")}
    compare_checksums(
        file for file, note in noted.items() if file.is_file() and file.stat().st_mtime_ns > note.stat().st_mtime_ns
    )


def _note(path: Path) -> Path:
    return CHECKSUMS / f"{path.relative_to(RESULTS)}{SUFFIX}"


def _noted(path: Path) -> str:
    """The hash; empty where there is none, or a damaged note."""
    if not path.is_relative_to(RESULTS):
        return ""
    try:
        noted, name = _note(path).read_text(encoding="utf-8").split(maxsplit=1)
    except (FileNotFoundError, ValueError):  # the second also where it is no text
        return ""
    return noted if name.strip() == path.as_posix() and len(noted) == 64 else ""
