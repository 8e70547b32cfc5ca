"""What is made of one scan: images and, written last, the record that says of what they were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ldae.cohort.bids.description import describe
from ldae.errors import UserError, UserErrors
from ldae.files import hash_file, read_json, read_record, write_json, write_record
from ldae.preprocessing.layout import ScanFiles
from ldae.preprocessing.prepare import ANOTHER
from ldae.preprocessing.volume import write_volume

DESCRIPTION, MADE_BY = "dataset_description.json", "ldae"


def open_derivative(output_dir: str | Path) -> None:
    """Make the folder of a derivative, or see that it is one of ours.

    Raises
    ------
    UserError
        It holds other things.
    """
    folder = Path(output_dir)
    description = folder / DESCRIPTION
    if folder.is_file():
        raise UserError(folder, "a folder to write to", "a file", "give another --out")
    if description.is_file():
        made_by = [program.get("Name") for program in read_json(description).get("GeneratedBy", [])]
        if MADE_BY not in made_by:
            raise UserError(folder, "a folder of its own", "a dataset of another program", "give another --out")
        return
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise UserError(folder, "a new or empty folder, or one written before", "other files", "give another --out")
    write_json(description, describe("derivative", "What a trained LDAE makes of scans; research use only", MADE_BY))


@dataclass(frozen=True)
class Product:
    """Images below `home` and their record, all named after `stem`; `key` is the hash of all they depend on."""

    home: Path
    stem: str
    name: str
    key: str

    @classmethod
    def of_scan(cls, files: ScanFiles, name: str, key: str) -> Product:
        """Beside the preprocessed image of a scan."""
        stem = files.image.name.partition("_desc-")[0]
        return cls(files.image.parent, stem, name, key)

    def image(self, label: str) -> Path:
        """Where an image lies."""
        return self.home / f"{self.stem}_desc-{label}_T1w.nii.gz"

    @property
    def record(self) -> Path:
        """Where the record lies."""
        return self.home / f"{self.stem}_desc-{self.name}_T1w.json"

    def kept(self) -> dict | None:
        """The record, if it has this key and the images are those it describes; a damaged one counts as absent."""
        record = read_record(self.record)
        if record is None or record.get("Key") != self.key:
            return None
        images = record.get("Images", {})
        whole = all((self.home / name).is_file() and hash_file(self.home / name) == images[name] for name in images)
        return record if whole else None

    @property
    def is_anothers(self) -> bool:
        """Whether a record with another key lies there."""
        record = read_record(self.record)
        return record is not None and record.get("Key") != self.key

    def write(self, images: Mapping[str, torch.Tensor | np.ndarray], affine: np.ndarray, facts: dict) -> dict:
        """Write images (D, H, W) by label, then the record with `facts`; the record."""
        self.record.unlink(missing_ok=True)
        for label, image in images.items():
            write_volume(self.image(label), np.asarray(image, dtype=np.float32), affine)
        hashes = {self.image(label).name: hash_file(self.image(label)) for label in images}
        record = {**facts, "Images": hashes, "Key": self.key, "Use": "research use only"}
        write_record(self.record, record)
        return record


def refuse_others(products: Sequence[Product], overwrite: bool) -> None:
    """Raise UserErrors where a record of something else would be replaced without `overwrite`."""
    found = "one of another scan, model or setting"
    errors = [
        UserError(product.record, "no result, or the one asked for", found, ANOTHER)
        for product in products
        if product.is_anothers and not overwrite
    ]
    if errors:
        raise UserErrors(errors)
