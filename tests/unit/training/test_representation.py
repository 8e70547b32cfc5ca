"""The third stage: the denoiser stays as it is, and only the two new networks train."""

from __future__ import annotations

import pytest
import torch

from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import Aligned, Volumes, read_volume
from ldae.files import hash_file, read_table
from ldae.models.denoiser import build_denoiser
from ldae.models.latent_normalizer import LatentNormalizer
from ldae.models.representation import Representation
from ldae.models.weights import load_weights, save_weights
from ldae.training.fit import fit
from ldae.training.representation import RepresentationStage, train_representation
from ldae.training.state import Job


@pytest.fixture
def sets():
    values = torch.rand(7, 1, 16, 16, 4, generator=torch.Generator().manual_seed(2))
    latents = torch.randn(7, 2, 4, 4, 4, generator=torch.Generator().manual_seed(3))

    def pick(items, tensor):
        return Volumes(items, lambda i: tensor[i])

    train = Aligned(pick(range(4), values), pick(range(4), latents))
    return train, Aligned(pick([4, 5, 6], values), pick([4, 5, 6], latents), pick([5, 6, 4], values))


@pytest.fixture
def train(sets, representation_config, encoder_config, ldm_config, diffusion, tmp_path):
    def run(name, training, learning_rate=1e-3, kill_at=None):
        torch.manual_seed(0)
        config = representation_config.model_copy(update={"learning_rate": learning_rate, "training": training})
        denoiser = build_denoiser(ldm_config, diffusion, 2)
        stage = RepresentationStage(config, encoder_config, diffusion, denoiser, (16, 16, 4))
        whole = stage.training_step

        def training_step(batch, batch_idx):
            if stage.step == kill_at:
                raise KilledError
            return whole(batch, batch_idx)

        stage.training_step = training_step
        history = tmp_path / f"{name}.csv"
        folder = tmp_path / name / "state"
        before = {key: value.clone() for key, value in stage.denoiser.network.state_dict().items()}
        result = fit(stage, *sets, training, seed=3, state_dir=folder, history_path=history)
        return stage, before, result, read_table(history)

    return run


class KilledError(Exception):
    pass


def test_frozen_weights_never_change_and_are_not_averaged_or_saved(train, make_training):
    stage, before, result, _ = train("frozen", make_training())
    assert all(torch.equal(before[name], value) for name, value in stage.denoiser.network.state_dict().items())
    assert all(parameter.grad is None for parameter in stage.denoiser.network.parameters())
    assert not stage.denoiser.network.training
    assert {name.split(".")[0] for name in result.state} == {"representation"}
    assert any(result.state[name].ne(value).any() for name, value in starting_output(stage).items())


def starting_output(stage):
    """Weights that training must have moved: the estimator's zero-initialised output."""
    name = "representation.gradient_estimator.out.2.conv.weight"
    return {name: torch.zeros_like(stage.state_dict()[name])}


def test_at_step_0_the_conditional_model_equals_the_unconditional_one(train, make_training):
    *_, history = train("still", make_training(steps=2), learning_rate=1e-40)
    row = history.iloc[0]
    assert row["val_loss"] == row["val_loss_none"] == row["val_loss_shuffled"]


def test_own_and_shuffled_differ_once_trained(train, make_training):
    *_, history = train("trained", make_training(ema_decay=0.0), learning_rate=1e-2)
    last = history.iloc[-1]
    assert last["val_loss"] != last["val_loss_shuffled"] and last["val_loss"] != last["val_loss_none"]
    assert history["val_loss_none"].nunique() == 1


def test_killed_and_resumed_equals_uninterrupted(train, make_training):
    _, _, whole, history = train("whole", make_training())
    with pytest.raises(KilledError):
        train("resumed", make_training(), kill_at=3)
    _, _, resumed, again = train("resumed", make_training())
    assert all(torch.equal(resumed.state[name], whole.state[name]) for name in whole.state)
    assert history.equals(again)


def test_weights_are_written_with_the_training_mean_image(
    dataset, representation_config, encoder_config, ldm_config, diffusion, tmp_path
):
    statistics, ldm = tmp_path / "latent_statistics.safetensors", tmp_path / "ldm.safetensors"
    save_weights(LatentNormalizer((2, 4, 4, 4)), statistics, {})
    torch.manual_seed(1)
    denoiser = build_denoiser(ldm_config, diffusion, 2)
    save_weights(denoiser, ldm, {"config": {"ldm": ldm_config.model_dump(), "diffusion": diffusion.model_dump()}})
    output = tmp_path / "representation.safetensors"
    job = Job(0, output, tmp_path / "h.csv", tmp_path / "checkpoints")
    train_representation(dataset, statistics, ldm, representation_config, encoder_config, ldm_config, diffusion, job)
    representation = Representation(encoder_config, denoiser, (16, 16, 8))
    sidecar = load_weights(representation, output, {"encoder": encoder_config.model_dump()})
    assert sidecar["parents"] == {"latent_statistics": hash_file(statistics), "ldm": hash_file(ldm)}
    train_scans = [read_volume(path) for path in fitting_rows(read_scans(dataset), "train")["path"]]
    torch.testing.assert_close(representation.semantic_encoder.mean_image[0], torch.stack(train_scans).mean(0))
