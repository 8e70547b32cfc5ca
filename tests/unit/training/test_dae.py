"""The voxel DAE from the dataset table to its weights."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from ldae.data.leaks import fitting_rows
from ldae.data.scans import read_scans
from ldae.data.volumes import Aligned, Volumes, read_volume
from ldae.errors import UserError
from ldae.files import hash_file, read_table
from ldae.models.voxel_dae import VoxelDAE, resample
from ldae.models.weights import load_weights
from ldae.training.dae import DAEStage, train_dae
from ldae.training.fit import fit
from ldae.training.state import Job


class KilledError(Exception):
    pass


@pytest.fixture
def encoder(encoder_config):
    return encoder_config


@pytest.fixture
def run(dataset, dae_config, encoder, diffusion, tmp_path):
    def train(**changes):
        output, history = tmp_path / "dae.safetensors", tmp_path / "dae.csv"
        config = dae_config.model_copy(update=changes)
        train_dae(dataset, config, encoder, diffusion, Job(0, output, history, tmp_path / "checkpoints"))
        net = VoxelDAE(config, encoder, diffusion)
        sections = {"dae": config, "encoder": encoder, "diffusion": diffusion}
        load_weights(net, output, {name: part.model_dump(mode="json") for name, part in sections.items()})
        return net, output, history

    return train


def training_images(dataset, grid):
    paths = fitting_rows(read_scans(dataset), "train")["path"]
    return torch.cat([resample(read_volume(path)[None], grid) for path in paths])


def test_weights_are_written_with_the_training_images_statistics(run, dataset, dae_config):
    net, _, history = run()
    images = training_images(dataset, dae_config.grid_shape)
    torch.testing.assert_close(net.normalizer.mean, images.mean(0))
    assert net.normalizer.normalize(images).std().item() == pytest.approx(1, abs=0.01)
    torch.testing.assert_close(net.semantic_encoder.mean_image[0], images.mean(0))
    assert list(read_table(history).columns) == ["step", "train_loss", "val_loss", "val_loss_shuffled"]


def test_without_centring_images_run_from_minus_one_to_one(run):
    net, *_ = run(center_images=False)
    assert (net.normalizer.mean == 0.5).all() and (net.normalizer.std == 0.5).all()


def test_other_weights_of_the_encoder_are_refused(run, dae_config, encoder, diffusion):
    _, output, _ = run()
    other = encoder.model_copy(update={"center_input": False})
    with pytest.raises(UserError, match=r"representation\.center_input"):
        load_weights(VoxelDAE(dae_config, other, diffusion), output, {"encoder": other.model_dump()})


def test_a_planted_test_subject_is_refused(run, dataset):
    table = pd.read_csv(dataset)
    planted = table[table["split"] == "test"].iloc[[0]].assign(split="train", session="M048")
    pd.concat([table, planted]).to_csv(dataset, index=False)
    with pytest.raises(UserError, match="each subject in one split"):
        run()


def test_the_same_seed_gives_the_same_weights(run):
    first = hash_file(run()[1])
    torch.manual_seed(123)
    assert hash_file(run()[1]) == first


def test_killed_and_resumed_equals_uninterrupted(dae_config, encoder, diffusion, make_training, tmp_path):
    values = torch.rand(7, 1, *dae_config.grid_shape, generator=torch.Generator().manual_seed(2))

    def pick(*items):
        return Volumes(items, lambda i: values[i])

    def train(name, kill_at=None):
        torch.manual_seed(0)
        stage = DAEStage(dae_config, encoder, diffusion)
        whole = stage.training_step

        def training_step(batch, batch_idx):
            if stage.step == kill_at:
                raise KilledError
            return whole(batch, batch_idx)

        stage.training_step = training_step
        places = {"state_dir": tmp_path / name / "state", "history_path": tmp_path / f"{name}.csv"}
        held_out = Aligned(pick(4, 5, 6), pick(5, 6, 4))
        return fit(stage, pick(0, 1, 2, 3), held_out, make_training(), seed=3, **places)

    whole = train("whole")
    with pytest.raises(KilledError):
        train("resumed", kill_at=3)
    resumed = train("resumed")
    assert all(torch.equal(resumed.state[name], whole.state[name]) for name in whole.state)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_the_loss_of_v_is_that_of_the_noise_over_abar(dae_config, encoder, diffusion, prediction):
    changes = {"prediction": prediction}
    torch.manual_seed(0)
    stages = [
        DAEStage(dae_config.model_copy(update={**changes, "loss": loss}), encoder, diffusion)
        for loss in ("epsilon", "v")
    ]
    stages[1].load_state_dict(stages[0].state_dict())
    x_0 = torch.randn(1, 1, *dae_config.grid_shape)
    y_sem, t, eps = torch.randn(1, 8), torch.tensor([20]), torch.randn_like(x_0)
    of_noise, of_v = (stage.loss(x_0, y_sem, t, eps) for stage in stages)
    abar = stages[0].schedule.alphas_cumprod[20].float()
    torch.testing.assert_close(of_v, of_noise / abar)
    signal, noise = abar.sqrt(), (1 - abar).sqrt()
    predicted = stages[1].dae(signal * x_0 + noise * eps, t, y_sem)
    x_t, v = signal * x_0 + noise * eps, signal * eps - noise * x_0
    torch.testing.assert_close(of_v, ((predicted - noise * x_t) / signal - v).square().mean(), rtol=1e-4, atol=1e-5)
