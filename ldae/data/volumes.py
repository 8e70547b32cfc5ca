"""Volumes and latents on disk, one at a time or as sets that give a batch for a list of indices."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import torch
from nibabel.wrapstruct import WrapStructError
from torch.utils.data import Dataset

from ldae.errors import UserError, is_passing
from ldae.files import image_sidecar, read_record

NO_NIFTI = (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError, WrapStructError)
GZIP = b"\x1f\x8b"
MEMORY_LIMIT_BYTES = 2e9  # a set of volumes below this is read once and kept


def read_volume(path: str | Path, sha256: str = "") -> torch.Tensor:
    """Read a preprocessed volume: float32 (1, D, H, W), axes RAS, intensities 0..1.

    Nibabel reads a compressed file without asking for its checksum, so a flipped bit would be another image.

    Parameters
    ----------
    path : path
        The file.
    sha256 : str
        What a table says of its content, if one does.

    Raises
    ------
    UserError
        The file is absent, cannot be read, or is not the one that the table or its sidecar of preprocessing describes.
    """
    cure = "snakemake --forcerun preprocess makes it again and keeps those that are whole"
    try:
        content = Path(path).read_bytes()
        recorded = (read_record(image_sidecar(path)) or {}).get("ImageSHA256")
        for whose, noted in (("the table of scans", sha256), ("its sidecar", recorded)):
            if noted and hashlib.sha256(content).hexdigest() != noted:
                raise UserError(path, f"the image that {whose} describes", "other or damaged content", cure)
        plain = gzip.decompress(content) if content.startswith(GZIP) else content
        return torch.from_numpy(nib.Nifti1Image.from_bytes(plain).get_fdata(dtype=np.float32))[None]
    except (OSError, EOFError, ValueError, zlib.error, *NO_NIFTI) as error:
        if is_passing(error):
            raise
        raise UserError(path, "a preprocessed scan", str(error), cure) from None


def read_images(rows: pd.DataFrame) -> torch.Tensor:
    """`read_volumes` of the scans of a table, columns path and image_sha256."""
    return read_volumes(rows["path"].tolist(), rows["image_sha256"].tolist())


def read_volumes(paths: Sequence[str | Path], hashes: Sequence[str] = ()) -> torch.Tensor:
    """Read preprocessed volumes as one float32 tensor (B, 1, D, H, W), axes RAS, intensities 0..1.

    `hashes`: what a table says of their content.

    Raises
    ------
    UserError
        A file is absent, cannot be read or is another one, or the volumes differ in shape.
    """
    volumes = [read_volume(*pair) for pair in zip(paths, hashes or [""] * len(paths), strict=True)]
    shapes = {tuple(volume.shape[1:]) for volume in volumes}
    if len(shapes) > 1:
        raise UserError(paths[0], "scans of one shape", str(sorted(shapes)), "preprocess all scans on one grid")
    return torch.stack(volumes)


def read_latent(path: str | Path) -> torch.Tensor:
    """Read a latent: the array `data` of an NPZ file, float32 (C, D, H, W), as the autoencoder gave it."""
    try:
        with np.load(path) as archive:
            return torch.from_numpy(archive["data"])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        if is_passing(error):
            raise
        raise UserError(path, "an NPZ file with the array `data`", str(error), "run the rule latents again") from None


class Volumes(Dataset):
    """Arrays of one shape, a batch for a list of indices; kept in memory where all of them take less than 2 GB.

    Raises
    ------
    UserError
        A file cannot be read or differs in shape from the first.
    """

    def __init__(self, paths: Sequence[str], read: Callable[[str], torch.Tensor]) -> None:
        self.paths, self.read = list(paths), read
        first = read(self.paths[0])
        self.shape = first.shape
        self.in_memory = first.numel() * first.element_size() * len(self.paths) < MEMORY_LIMIT_BYTES
        self.kept = torch.stack([self._read(path) for path in self.paths]) if self.in_memory else None

    def _read(self, path: str) -> torch.Tensor:
        array = self.read(path)
        if array.shape != self.shape:
            found, expected = str(tuple(array.shape)), f"the shape of {self.paths[0]}, {tuple(self.shape)}"
            raise UserError(path, expected, found, "run the workflow again on one grid")
        return array

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, indices: Sequence[int]) -> torch.Tensor:
        if self.kept is not None:
            return self.kept[torch.as_tensor(indices)]
        return torch.stack([self._read(self.paths[i]) for i in indices])

    def mean(self) -> torch.Tensor:
        """Mean over all arrays, with a leading axis of one; read one at a time, summed in float64."""
        total = torch.zeros((1, *self.shape), dtype=torch.float64)
        for i in range(len(self)):
            total += self[[i]]
        return (total / len(self)).float()


def image_set(rows: pd.DataFrame, change: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Volumes:
    """The volumes of scans, columns path and image_sha256; `change` is done to each (1, D, H, W) that is read."""
    return Volumes(rows["path"], ImageReader(dict(zip(rows["path"], rows["image_sha256"], strict=True)), change))


@dataclass(frozen=True)
class ImageReader:
    """Reads preprocessed volumes whose content is known, by their paths."""

    hashes: dict[str, str]
    change: Callable[[torch.Tensor], torch.Tensor] | None = None

    def __call__(self, path: str) -> torch.Tensor:
        """The volume, changed."""
        volume = read_volume(path, self.hashes[path])
        return volume if self.change is None else self.change(volume)


class Aligned(Dataset):
    """Several sets whose items belong together: a tuple of batches for a list of indices."""

    def __init__(self, *parts: Volumes | Reordered) -> None:
        self.parts = parts
        self.in_memory = all(part.in_memory for part in parts)

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, indices: Sequence[int]) -> tuple[torch.Tensor, ...]:
        return tuple(part[indices] for part in self.parts)


class Reordered(Dataset):
    """Item i is item `order[i]` of another set."""

    def __init__(self, base: Volumes, order: Sequence[int]) -> None:
        self.base, self.order, self.in_memory = base, list(order), base.in_memory

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, indices: Sequence[int]) -> torch.Tensor:
        return self.base[[self.order[i] for i in indices]]


def others_scans(held_out: Volumes, subjects: Sequence[str], fitted: Volumes) -> Reordered:
    """For each held-out scan one of another subject: a held-out one, or one of `fitted` where there is none.

    `subjects`: those of the held-out scans.
    """
    if len(set(subjects)) > 1:
        return Reordered(held_out, next_subjects_scan(subjects))
    return Reordered(fitted, [index % len(fitted) for index in range(len(held_out))])


def next_subjects_scan(subjects: Sequence[str]) -> list[int]:
    """For each scan the index of one of the next subject in alphabetical order, so never of its own.

    Raises
    ------
    UserError
        All scans are of one subject.
    """
    scans: dict[str, list[int]] = {}
    for index, subject in enumerate(subjects):
        scans.setdefault(subject, []).append(index)
    order = sorted(scans)
    if len(order) < 2:
        found, cure = f"{len(order)} validation subject", "add subjects or raise split.validation_fraction"
        raise UserError("dataset.csv", "two validation subjects or more", found, cure)
    following = dict(zip(order, order[1:] + order[:1], strict=True))
    visit = {index: rank for own in scans.values() for rank, index in enumerate(own)}
    partners = [scans[following[subject]] for subject in subjects]
    return [own[visit[index] % len(own)] for index, own in enumerate(partners)]
