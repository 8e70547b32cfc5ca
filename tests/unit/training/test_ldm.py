"""The second stage from the dataset table to its weights."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from ldae.errors import UserError
from ldae.files import hash_file, read_table
from ldae.models.denoiser import build_denoiser
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.weights import load_weights, save_weights
from ldae.training.ldm import train_ldm
from ldae.training.state import Job


@pytest.fixture
def run(dataset, ldm_config, diffusion, tmp_path):
    statistics = tmp_path / "latent_statistics.safetensors"
    save_weights(LatentNormalizer((2, 4, 4, 4)), statistics, {})

    def train():
        output, history = tmp_path / "ldm.safetensors", tmp_path / "ldm.csv"
        train_ldm(dataset, statistics, ldm_config, diffusion, Job(0, output, history, tmp_path / "checkpoints"))
        return output, history, statistics

    return train


def test_weights_history_and_sidecar_are_written(run, ldm_config, diffusion):
    output, history, statistics = run()
    sections = {"ldm": ldm_config.model_dump(), "diffusion": diffusion.model_dump()}
    sidecar = load_weights(build_denoiser(ldm_config, diffusion, 2), output, sections)
    assert sidecar["parents"] == {"latent_statistics": hash_file(statistics)}
    assert list(read_table(history).columns) == ["step", "train_loss", "val_loss"]


def test_a_planted_test_subject_is_refused(run, dataset):
    table = pd.read_csv(dataset)
    planted = table[table["split"] == "test"].iloc[[0]].assign(split="train", session="M048")
    pd.concat([table, planted]).to_csv(dataset, index=False)
    with pytest.raises(UserError, match="each subject in one split"):
        run()


def test_the_same_seed_gives_the_same_weights(run):
    first = hash_file(run()[0])
    torch.manual_seed(123)
    assert hash_file(run()[0]) == first
