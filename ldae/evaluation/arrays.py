"""Arrays on disk."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ldae.errors import UserError, is_passing
from ldae.files import atomic_path

MAKE_AGAIN = "delete it and run the same command, which makes it again"


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a compressed NPZ, atomically; no pickles."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def read_arrays(path: str | Path, names: Iterable[str] = ()) -> dict[str, np.ndarray]:
    """Read all arrays of an NPZ; its format has a checksum of each, so what is read is what was written.

    Raises
    ------
    UserError
        The file is absent or damaged, or lacks one of `names`.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = dict(content)
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        if is_passing(error):
            raise
        raise UserError(path, "an NPZ file", f"{error}"[:300], MAKE_AGAIN) from None
    missing = [name for name in names if name not in arrays]
    if missing:
        raise UserError(path, f"the array {missing[0]}", f"only {', '.join(arrays) or 'none'}", MAKE_AGAIN)
    return arrays
