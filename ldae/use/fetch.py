"""Published weights, downloaded into one folder and checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from ldae.config.published import FILES, PublishedFile, check_content
from ldae.errors import UserError, UserErrors
from ldae.files import atomic_path, write_text

SUMS = "SHA256SUMS"  # as `sha256sum --check` reads it
TIMEOUT_S = 60
CHUNK = 2**20


def fetch_weights(names: Sequence[str], folder: str | Path) -> Iterator[str]:
    """Yield, for each of `FILES` that is named, what became of it; all are tried before an error is raised.

    A file that is there is checked and kept. The SHA-256 of every file is written to SHA256SUMS. Where its beginning is
    published (torchvision), the file must have it; where nothing is published (MedicalNet), it must be what SHA256SUMS
    has held since the first time.

    Raises
    ------
    UserError
        A name is unknown, or a file could not be downloaded or is not the one it should be.
    """
    errors = []
    for name in names:
        if name not in FILES:
            raise UserError("ldae fetch-weights", f"names of {', '.join(FILES)}", name, "correct the name")
    for name in names:
        try:
            yield _fetch(FILES[name], Path(folder))
        except UserError as error:
            errors.append(error)
    if errors:
        raise UserErrors(errors)


def _fetch(wanted: PublishedFile, folder: Path) -> str:
    path, recorded = folder / wanted.file, _read_sums(folder)
    if path.is_file():
        done, digest = "was there", _check(path, path, recorded)
    else:
        done = f"downloaded from {wanted.site}"
        with atomic_path(path) as temporary:
            download(wanted.url, temporary, path)
            digest = _check(temporary, wanted.url, recorded)
    if wanted.sha256_prefix:
        checked = "as published"
    else:
        checked = f"as in {SUMS}" if wanted.file in recorded else f"none is published; {SUMS} holds it from now on"
    lines = [f"{value}  {name}\n" for name, value in sorted({**recorded, wanted.file: digest}.items())]
    write_text(folder / SUMS, "".join(lines))
    return f"{path}: {wanted.holds}, {done}; SHA-256 {digest} ({checked})"


def _check(file: Path, where: str | Path, recorded: dict[str, str]) -> str:
    digest = check_content(file, where)
    before = recorded.get(file.name, digest)
    if before != digest:
        cure = f"remove the file and fetch it again; where the publisher changed it, remove its line in {SUMS} as well"
        expected = f"the SHA-256 that {SUMS} holds, {before[:12]}…"
        raise UserError(where, expected, f"{digest[:12]}…, another or a damaged file", cure)
    return digest


def download(url: str, target: Path, by_hand: Path) -> None:
    """Write what lies at an address to `target`, whole.

    Parameters
    ----------
    by_hand : path
        Where the message of an error says the file may be put.

    Raises
    ------
    UserError
        There is no network or no such file, or the connection broke off.
    """
    with target.open("wb") as file:
        for chunk in _read(url, by_hand):
            file.write(chunk)


def _read(url: str, by_hand: Path) -> Iterator[bytes]:
    cure = f"run it again where there is a network, or download the file elsewhere and put it here: {by_hand}"
    try:
        with urlopen(url, timeout=TIMEOUT_S) as answer:
            if answer.headers.get_content_type() == "text/html":
                raise UserError(url, "a file of weights", "a web page, such as a network's log-in", cure)
            size, got = answer.headers.get("Content-Length"), 0
            while chunk := answer.read(CHUNK):
                got += len(chunk)
                yield chunk
    except (OSError, HTTPException) as error:
        found = f"{error.reason if type(error) is URLError else error}" or type(error).__name__
        raise UserError(url, "a file to download", found, cure) from None
    if size is not None and got != int(size):
        raise UserError(url, f"{size} bytes", f"{got} bytes, then the connection ended", cure)


def _read_sums(folder: Path) -> dict[str, str]:
    path = folder / SUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    pairs = (line.split() for line in lines if line.strip())
    try:
        return {name.removeprefix("*"): digest for digest, name in pairs}
    except ValueError:
        cure = "correct it, or delete it and the files beside it"
        raise UserError(path, "lines of a SHA-256 and a name", "a line of another kind", cure) from None
