"""A tiny cohort on disk, and a stand-in for the trained model whose answers are known."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

SHAPE = (12, 14, 12)


class FakeLDAE:
    """z_0 is the scan itself, y_sem its mean and a constant, and z_T what is left of it, exactly invertible."""

    device = torch.device("cpu")

    def __init__(self, autoencoder_error: float = 0.0) -> None:
        self.autoencoder_error = autoencoder_error
        self.image_encodings = 0

    def encode_image(self, x):
        self.image_encodings += len(x)
        return x.clone()

    def decode_image(self, z_0):
        return z_0 + self.autoencoder_error

    def encode_semantic(self, x):
        mean = x.mean((1, 2, 3, 4))
        return torch.stack([mean, torch.ones_like(mean)], 1)

    def encode_stochastic(self, z_0, y_sem, steps, solver):
        return z_0 - y_sem[:, 0].view(-1, 1, 1, 1, 1)

    def decode_stochastic(self, z_T, y_sem, steps, solver):
        return z_T if y_sem is None else z_T + y_sem[:, 0].view(-1, 1, 1, 1, 1)


@pytest.fixture
def fake_ldae():
    return FakeLDAE()


@pytest.fixture
def dataset(tmp_path):
    """Six test and six training subjects, the first of each with two visits; diagnoses take turns."""
    rng = np.random.default_rng(0)
    rows = []
    for split in ("train", "test"):
        for i in range(6):
            for session in ("M000", "M012")[: 2 if i == 0 else 1]:
                path = tmp_path / f"{split}{i}{session}.nii.gz"
                volume = (rng.random(SHAPE) * 0.2 + 0.1 * i).astype(np.float32)
                nib.save(nib.Nifti1Image(volume, np.eye(4)), path)
                diagnosis = ("CN", "AD", "MCI")[i % 3]
                row = (f"ADNI{split}{i}", session, str(path), diagnosis, 60.0 + i, "MF"[i % 2], split, int(session[1:]))
                rows.append(row)
    return pd.DataFrame(rows, columns="subject session path diagnosis age sex split months".split())
