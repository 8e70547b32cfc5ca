"""The second stage from the tables to its weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ldae.data.volumes import Volumes, read_latent
from ldae.diffusion.losses import draw_noise, noise_loss
from ldae.errors import UserError
from ldae.files import hash_file, read_table
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.networks.diffusion import build_denoiser
from ldae.training import ldm
from ldae.training.ldm import LDMStage, train_ldm
from ldae.weights import load_weights, save_weights
from tests.unit.tiny_cohort import LATENT


@pytest.fixture
def statistics(tmp_path):
    path = tmp_path / "latent_statistics.safetensors"
    normalizer = LatentNormalizer(LATENT)
    normalizer.mean.normal_(generator=torch.Generator().manual_seed(4))
    normalizer.std[:] = torch.tensor([0.5, 3.0]).view(2, 1, 1, 1)
    save_weights(normalizer, path, {})
    return path


@pytest.fixture
def run(cohort, ldm_config, diffusion, make_job, statistics):
    def train(name="ldm", **job):
        job = make_job(name, **job)
        train_ldm(cohort.scans, cohort.manifest, statistics, ldm_config, diffusion, job)
        return job

    return train


def test_weights_history_and_sidecar_are_written(run, ldm_config, diffusion, statistics):
    job = run()
    sections = {"ldm": ldm_config.model_dump(), "diffusion": diffusion.model_dump()}
    sidecar = load_weights(build_denoiser(ldm_config, diffusion, 2), job.output, sections)
    assert sidecar["parents"] == {"latent_statistics": hash_file(statistics)}
    assert list(read_table(job.history).columns) == ["step", "train_loss", "val_loss"]
    assert sidecar["subjects"] == {"train": ["S0", "S1", "S2", "S3", "S4"], "validation": ["S5", "S6", "S7"]}


def test_it_is_fitted_to_the_normalised_latents_of_each_side(run, cohort, monkeypatch):
    sets = []
    monkeypatch.setattr(ldm, "fit_and_save", lambda job, run, build, network, *data: sets.extend(data))
    run()
    manifest = pd.read_csv(cohort.manifest)
    mean = torch.empty(LATENT).normal_(generator=torch.Generator().manual_seed(4))
    for data, split in zip(sets, ("train", "validation"), strict=True):
        paths = manifest.loc[manifest["split"] == split, "latent_path"]
        latents = torch.stack([read_latent(path) for path in paths])
        expected = (latents - mean) / torch.tensor([0.5, 3.0]).view(2, 1, 1, 1)
        torch.testing.assert_close(data[range(len(data))], expected)


def test_a_planted_test_subject_is_refused(run, cohort):
    cohort.plant_test_subject()
    with pytest.raises(UserError, match="each subject in one split"):
        run()


def test_a_latent_that_was_not_encoded_is_refused(run, cohort):
    np.savez(cohort.manifest.parent / "sub-S2_ses-M000.npz", data=np.zeros(LATENT, np.float32))
    with pytest.raises(UserError, match="sub-S2_ses-M000"):
        run()


def test_the_same_seed_gives_the_same_weights_another_gives_others(run):
    first = hash_file(run("first").output)
    torch.manual_seed(123)
    assert hash_file(run("again").output) == first
    assert hash_file(run("other", seed=4).output) != first


def test_validation_judges_the_mean_over_four_draws(ldm_config, diffusion):
    torch.manual_seed(0)
    stage, seen = LDMStage(ldm_config, diffusion, 2), {}
    torch.nn.init.normal_(stage.denoiser.out[-1].conv.weight, std=0.1)
    stage.track = lambda prefix, losses, scans: seen.update({prefix: (losses["loss"], scans)})
    batch = Volumes(range(3), lambda i: torch.full(LATENT, float(i)))[[0, 1, 2]]
    stage.noise = torch.Generator().manual_seed(8)
    stage.validation_step(batch, 0)
    noise = torch.Generator().manual_seed(8)
    draws = [draw_noise(stage.schedule, batch, noise) for _ in range(4)]
    expected = torch.stack([noise_loss(stage.denoiser, stage.schedule, batch, *draw).mean() for draw in draws]).mean()
    assert seen["val"][1] == 3
    torch.testing.assert_close(seen["val"][0], expected)
    stage.noise = torch.Generator().manual_seed(8)
    loss = stage.training_step(batch, 0)
    torch.testing.assert_close(loss, noise_loss(stage.denoiser, stage.schedule, batch, *draws[0]).mean())
    torch.testing.assert_close(seen["train"][0], loss)
