"""Look through files, packed ones as well, for the planted private text."""

from __future__ import annotations

import gzip
import re
import zipfile
from pathlib import Path

from PIL import Image

from tests.planted_download import SECONDS, SECRETS


def readable(path: Path) -> bytes:
    """Everything that can be read in a file: its bytes, unpacked where they are packed."""
    parts = [path.read_bytes()]
    if path.suffix == ".gz":
        parts.append(gzip.decompress(parts[0]))
    elif path.suffix == ".png":
        parts.append(repr(Image.open(path).info).encode())
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            parts += [packed.read(name) for name in packed.namelist()]
    return b"\n".join(parts)


def secrets_in(content: bytes) -> list[str]:
    """Those of the planted texts that occur, in any case; the time of day not as decimals of a longer number."""
    lower = content.lower()
    found = [secret for secret in SECRETS if secret.lower().encode() in lower]
    alone = re.search(rf"(?<![\d.])0?{SECONDS}(?!\d)".encode(), lower)
    return [secret for secret in found if secret != SECONDS or alone]


def leaks_below(*folders: Path) -> dict[str, list[str]]:
    """Everything below some folders that tells planted text, by its content or its name."""
    paths = [(folder, path) for folder in folders for path in folder.rglob("*")]
    found = {
        str(path): secrets_in(str(path.relative_to(folder)).encode() + (readable(path) if path.is_file() else b""))
        for folder, path in paths
    }
    return {path: secrets for path, secrets in found.items() if secrets}
