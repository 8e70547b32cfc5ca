"""The file of the probes beside the weights whose y_sem they read."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from ldae.config.base import Section
from ldae.errors import UserError
from ldae.files import hash_file, read_record
from ldae.systems.description import CURE, PROBES
from ldae.systems.probe import Probe


class StoredProbes(Section):
    """`probes.json`."""

    representation_sha256: str = Field(description="of the weights whose y_sem the probes were fitted to")
    probes: dict[str, Probe]


def read_own_probes(path: str | Path) -> dict[str, Probe]:
    """The probes of a file ``probes.json``, held against the weights beside it (see `read_probes`)."""
    folder = Path(path).parent
    return read_probes(folder, hash_file(folder / "representation.safetensors"))


def read_probes(models_dir: str | Path, representation_sha256: str) -> dict[str, Probe]:
    """The probes of ``probes.json`` by name.

    Raises
    ------
    UserError
        The file is damaged, or its probes were fitted to y_sem of other weights.
    """
    path = Path(models_dir, PROBES)
    record = read_record(path)
    if record is None:
        raise UserError(path, "linear probes, as they were written", "none, or damaged ones", CURE)
    try:
        stored = StoredProbes.model_validate(record)
    except ValidationError as error:
        raise UserError(path, "linear probes", f"{error}"[:300], CURE) from None
    if stored.representation_sha256 != representation_sha256:
        raise UserError(path, "probes of the representation beside it", "those of another one", CURE)
    return stored.probes
