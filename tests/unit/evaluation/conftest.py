"""A tiny cohort on disk, and a stand-in for the trained model whose answers are known."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from ldae.data.scans import SCAN_COLUMNS
from ldae.evaluation.measure.comparison import compare, compared_scans, systems_of
from ldae.files import hash_file
from tests.unit.evaluation.systems import OPTIONS, SEED, HalfGrid, Unconditional

SHAPE = (12, 14, 12)
SUBJECTS = {"test": 6, "train": 6, "validation": 3}


class FakeLDAE:
    """z_0 is the scan itself, y_sem its mean and a constant, and z_T what is left of it, exactly invertible."""

    device = torch.device("cpu")

    def __init__(self, autoencoder_error: float = 0.0) -> None:
        self.autoencoder_error = autoencoder_error
        self.image_encodings = 0
        self.batches = []  # scans in each batch whose y_sem was asked for

    def encode_image(self, x):
        self.image_encodings += len(x)
        return x.clone()

    def decode_image(self, z_0):
        return z_0 + self.autoencoder_error

    def encode_semantic(self, x):
        self.batches.append(len(x))
        mean = x.mean((1, 2, 3, 4))
        return torch.stack([mean, torch.ones_like(mean)], 1)

    def encode_stochastic(self, z_0, y_sem, steps, solver):
        return z_0 - y_sem[:, 0].view(-1, 1, 1, 1, 1)

    def decode_stochastic(self, z_T, y_sem, steps, solver):
        return z_T if y_sem is None else z_T + y_sem[:, 0].view(-1, 1, 1, 1, 1)


@pytest.fixture
def fake_ldae():
    return FakeLDAE()


def write_scan(path, volume) -> str:
    """Write a volume (D, H, W) on the unit grid."""
    nib.save(nib.Nifti1Image(volume.astype(np.float32), np.eye(4)), path)
    return str(path)


def rehash(scans: pd.DataFrame) -> pd.DataFrame:
    """The table of scans with the hashes of the files that lie there now."""
    return scans.assign(image_sha256=scans["path"].map(hash_file))


@pytest.fixture
def dataset(tmp_path):
    """Scans and labels in the order of dataset.csv, so the splits alternate; two subjects of each have two visits.

    Diagnoses take turns; an edge of every scan is background.
    """
    rng = np.random.default_rng(5)
    rows = []
    for number in range(max(SUBJECTS.values())):
        for split, count in SUBJECTS.items():
            for session in ("M000", "M012")[: 2 if number in (0, 2) else 1] if number < count else ():
                volume = rng.random(SHAPE) * 0.2 + 0.1 * number + 0.05
                volume[:2], volume[..., -1:] = 0, 0
                path = write_scan(tmp_path / f"{split}{number}{session}.nii.gz", volume)
                age, sex = 60.0 + number + 0.3 * (split == "test"), "MF"[number % 2]
                scanner = ((1.5, 3.0)[number % 2], f"{number % 4:03d}", "ADNI1" if number % 2 else "ADNI2")
                facts = (("CN", "AD", "MCI")[number % 3], age, sex, int(session[1:]), *scanner)
                rows.append((f"ADNI{number}{split}", session, path, split, hash_file(path), *facts))
    names = "diagnosis age sex months field_strength_t site phase".split()
    return pd.DataFrame(rows, columns=[*SCAN_COLUMNS, *names])


@pytest.fixture
def scans(dataset):
    """The same scans without labels."""
    return dataset[list(SCAN_COLUMNS)]


@pytest.fixture
def large(scans):
    """The scans on a grid that halves to one large enough for the windows."""
    for path in scans["path"]:
        write_scan(path, nib.load(path).get_fdata().repeat(2, 0).repeat(2, 1).repeat(2, 2))
    return rehash(scans)


@pytest.fixture
def compared(fake_ldae, large):
    """Every system measured on the larger scans."""
    return compare(systems_of(Unconditional(fake_ldae), HalfGrid()), compared_scans(large, None, SEED), **OPTIONS)
